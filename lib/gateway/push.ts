import type { Congestion } from '../model/congestion.ts';

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
  /** Whether a line feed follows each frame to this connection. Default: to none. */
  readonly endsLines?: (connection: string) => boolean;
  /** Undefined where nobody can know of any, as of those of API Gateway. */
  readonly congestion?: Congestion | undefined;
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

const LINE_FEED = Buffer.from('\n');

/**
 * Packs frames for one connection into posts of at most `postBytes`; a larger frame goes by itself.
 * @param endsLines whether a line feed follows each frame: clients of plain TCP read one octet after the NUL, since
 *   ActiveMQ and RabbitMQ send it. @see STOMP 1.2, "Augmented BNF": `frame *( EOL )`
 */
export function packFrames(frames: readonly Uint8Array[], postBytes: number, endsLines = false): Uint8Array[] {
  const posts: Uint8Array[][] = [];
  let size = 0;
  for (const frame of frames) {
    const last = posts.at(-1);
    const frameBytes = frame.byteLength + (endsLines ? LINE_FEED.byteLength : 0);
    const post = last && size + frameBytes <= postBytes ? last : [];
    if (post !== last) {
      posts.push(post);
      size = 0;
    }
    post.push(frame);
    if (endsLines) post.push(LINE_FEED);
    size += frameBytes;
  }
  return posts.map((post) => (post.length === 1 ? (post[0] as Uint8Array) : Buffer.concat(post)));
}

/** A single frame, as `connection` is to get it. */
export function frameFor(push: Push, connection: string, frame: Uint8Array): Uint8Array {
  return push.endsLines?.(connection) ? Buffer.concat([frame, LINE_FEED]) : frame;
}
