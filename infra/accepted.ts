import { Stack, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** Says why a finding of the AWS Solutions rules does not hold for a part of the broker. */
export function accept(part: IConstruct, rule: string, reason: string): void {
  Validations.of(part).acknowledge({ id: `AwsSolutions-${rule}`, reason });
}

type Piece = string | { readonly Ref: string } | { readonly 'Fn::GetAtt': readonly string[] };

/** The same for a resource that an IAM policy names with a wildcard. */
export function acceptWildcard(part: IConstruct, resource: string, reason: string): void {
  const resolved = Stack.of(part).resolve(resource) as string | { readonly 'Fn::Join': readonly [string, Piece[]] };
  const pieces = typeof resolved === 'string' ? [resolved] : resolved['Fn::Join'][1];
  accept(part, `IAM5[Resource::${pieces.map(textOf).join('')}]`, reason);
}

/** As the rules write it. */
function textOf(piece: Piece): string {
  if (typeof piece === 'string') return piece;
  return 'Ref' in piece ? `<${piece.Ref}>` : `<${piece['Fn::GetAtt'].join('.')}>`;
}
