import { type Mutation, mutation } from './mutation.ts';

/** Topics and their audiences. */
export const ofTopics: readonly Mutation[] = [
  mutation(
    'a subscription is confirmed before it is there',
    'broker/verbs/subscribe.ts',
    'else await joinAudience(broker, shardAt(subscription.destination), subscription);',
    'else void joinAudience(broker, shardAt(subscription.destination), subscription).catch(() => {});',
  ),
  mutation(
    'a subscriber gets what was sent before',
    'broker/turn/fan-out.ts',
    'const first = incarnation === fan.incarnation ? from : 0;',
    'const first = incarnation === fan.incarnation ? 0 : from;',
  ),
  mutation(
    'a subscriber that missed a post goes on',
    'handlers/outlet.ts',
    "if (outcome === 'missed') await cutOff(push, connection, address, tooSlow);\n        return false;",
    "if (outcome === 'gone') return false;",
  ),
  mutation(
    'members that are gone are taken out, and the others with them',
    'broker/turn/fan-out.ts',
    'if (gone.length > 0) await leaveAudience(broker, held.head.shard, gone);',
    'if (gone.length > 0) await leaveAudience(broker, held.head.shard, fan.members.map(({ consumer }) => consumer));',
  ),
  mutation(
    'what a topic has ready is done when somebody is there, too',
    'shard/plan/plan.ts',
    'if (context.audience === 0) discharge(draft, context);',
    'if (context.audience !== undefined && draft.references.length > 2) discharge(draft, context);',
  ),
];
