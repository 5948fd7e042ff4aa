/**
 * What became of one post: `gone` if the connection is not there, `refused` if it was not taken for now, `stopped` if
 * nothing is taken any more since this process ends.
 */
export type PostOutcome = 'sent' | 'gone' | 'refused' | 'stopped' | 'unknown';

/** The way to connections, from whichever process. */
export type Push = {
  /** Posts octets to a connection, within `timeoutMs`. Posts to one connection go out in the order of the calls. */
  readonly post: (connection: string, octets: Uint8Array, timeoutMs: number) => Promise<PostOutcome>;
  /** Closes a connection, after what was posted; one that is gone stays gone. */
  readonly close: (connection: string) => Promise<void>;
  readonly isOpen: (connection: string) => Promise<boolean>;
};

/** What became of a post, by the status of the `@connections` API: not every endpoint names its exceptions. */
export function outcomeOfStatus(status: number | undefined): PostOutcome {
  switch (status) {
    case 200:
      return 'sent';
    case 410:
      return 'gone';
    case 429:
      return 'refused';
    default:
      return 'unknown';
  }
}

/** Packs frames for one connection into posts of at most `postBytes`; a larger frame goes by itself. */
export function packFrames(frames: readonly Uint8Array[], postBytes: number): Uint8Array[] {
  const posts: Uint8Array[][] = [];
  let size = 0;
  for (const frame of frames) {
    const last = posts.at(-1);
    if (last && size + frame.byteLength <= postBytes) {
      last.push(frame);
      size += frame.byteLength;
    } else {
      posts.push([frame]);
      size = frame.byteLength;
    }
  }
  return posts.map((post) => (post.length === 1 ? (post[0] as Uint8Array) : Buffer.concat(post)));
}
