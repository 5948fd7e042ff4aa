/** The oldest Node that the broker runs on: that of `engines` in package.json. */
export const NODE_MIN = 24;

/**
 * Why the broker does not run on this Node, in one line; undefined if it does.
 * @param version e.g. `24.21.0`
 */
export function refusalOfNode(version: string): string | undefined {
  if (Number.parseInt(version, 10) >= NODE_MIN) return undefined;
  return `CirrusMQ needs Node ${NODE_MIN} or later; this is Node ${version}.`;
}
