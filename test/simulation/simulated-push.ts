import type { PostOutcome, Push } from '../../lib/gateway/push.ts';
import type { Host } from './host.ts';
import { showPost } from './story.ts';
import type { World } from './world.ts';

const POST_MS = 6;

type Fate = 'arrives' | 'refused' | 'lost' | 'unheard' | 'swallowed';

/** The way from one host to the connections: each post is on its way for a while, and its outcome may be wrong. */
export function simulatedPush(world: World, host: Host): Push {
  const { schedule, faults, prng, network, trace, witness, limits } = world;
  const answeredAt = new Map<string, number>();

  function fateOf(octets: Uint8Array): Fate {
    if (faults.strike('post refused')) return 'refused';
    if (faults.strike('post unknown and lost')) return 'lost';
    if (faults.strike('post unknown and sent')) return 'unheard';
    // Automatic acknowledgement takes the gateway's word for it; there this would be a loss that nobody can find.
    const isAcknowledged = Buffer.from(octets).includes('\nack:');
    return isAcknowledged && faults.strike('post swallowed') ? 'swallowed' : 'arrives';
  }

  function post(connection: string, octets: Uint8Array, timeoutMs: number): Promise<PostOutcome> {
    return new Promise((resolve) => {
      if (host.isDead) return;
      const fate = fateOf(octets);
      const ms = prng.latency(POST_MS);
      // The posts of one delivery follow one another.
      const slackMs = answeredAt.get(connection) === host.now ? limits.postMs : 0;
      schedule.watch(() => witness.posting(host, octets, host.date - slackMs));
      const answer = (outcome: PostOutcome) => {
        trace.add(host.name, `posts to ${connection.slice(0, 4)}: ${fate}, ${outcome}`, () => showPost(octets));
        witness.posted(connection, octets, outcome);
        host.resume(() => {
          answeredAt.set(connection, host.now);
          resolve(outcome);
        });
        if (faults.strike('killed after a step')) host.kill();
      };
      if (fate === 'refused') {
        schedule.after(ms, () => answer(network.isOpen(connection) ? 'refused' : 'gone'));
        return;
      }
      if (fate === 'lost' || ms >= timeoutMs) {
        schedule.after(timeoutMs, () => answer('unknown'));
        return;
      }
      network.carry(connection, ms, () => {
        witness.arriving(host, octets);
        if (fate === 'swallowed') network.close(connection);
        const outcome = fate === 'swallowed' ? 'sent' : network.deliver(connection, octets);
        if (fate === 'unheard') schedule.after(timeoutMs - ms, () => answer('unknown'));
        else answer(outcome);
      });
    });
  }

  return {
    post,
    close: (connection) =>
      host.step(
        `closes ${connection.slice(0, 4)}`,
        false,
        async () => network.close(connection),
        () => '',
      ),
    isOpen: (connection) =>
      host.step(
        `asks for ${connection.slice(0, 4)}`,
        false,
        async () => network.isOpen(connection),
        (isOpen) => `${isOpen}`,
      ),
  };
}
