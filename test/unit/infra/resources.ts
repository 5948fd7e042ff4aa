import type { Template } from 'aws-cdk-lib/assertions';

type Statement = { readonly Action: string | string[]; readonly Resource: unknown };
type Resource = {
  readonly Properties: Record<string, unknown>;
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
};

/** The resources of a type, by logical id. */
export function resourcesOf(template: Template, type: string): Record<string, Resource> {
  return template.findResources(type) as Record<string, Resource>;
}

/** The one function of a name, as its file has it. */
export function functionNamed(template: Template, name: string): [string, Record<string, unknown>] {
  const found = Object.entries(resourcesOf(template, 'AWS::Lambda::Function')).filter(([id]) =>
    id.startsWith(`Broker${name[0]?.toUpperCase()}${name.slice(1)}Function`),
  );
  const [one] = found;
  if (found.length !== 1 || !one) throw new Error(`There are ${found.length} functions ${name}.`);
  return [one[0], one[1].Properties];
}

/** Every action that the role of a function allows, with what it allows it on: `dynamodb:GetItem on BrokerTables…`. */
export function actionsOf(template: Template, name: string): string[] {
  const [, properties] = functionNamed(template, name);
  const role = (properties.Role as { 'Fn::GetAtt': [string] })['Fn::GetAtt'][0];
  const policies = Object.values(resourcesOf(template, 'AWS::IAM::Policy')).filter(({ Properties }) =>
    (Properties.Roles as { Ref: string }[]).some(({ Ref }) => Ref === role),
  );
  return policies
    .flatMap(({ Properties }) => (Properties.PolicyDocument as { Statement: Statement[] }).Statement)
    .flatMap(({ Action, Resource }) =>
      [Action].flat().flatMap((action) => [Resource].flat().map((resource) => `${action} on ${nameOf(resource)}`)),
    )
    .sort();
}

/** What a resource of a policy is, for a reader: the construct, and what of it. */
function nameOf(resource: unknown): string {
  const text = JSON.stringify(resource);
  const [, construct = '?'] = /"(Broker\w+?)[0-9A-F]{8}"/.exec(text) ?? [];
  if (text.includes('-shards-*')) return `Shards${/\/index\/\w+/.exec(text)?.[0] ?? ''}`;
  const part = /(\/index\/\w+|\/live\/\w+\/@connections\/\*)/.exec(text)?.[0] ?? '';
  return construct.replace(/^Broker(Tables)?/, '') + part;
}
