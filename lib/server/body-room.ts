/** Room for the bodies of requests that are under way, in octets: what finds none is refused, not kept waiting. */
export class BodyRoom {
  readonly #most: number;
  #taken = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** A share for one request, with nothing in it yet. */
  share(): BodyShare {
    let bytes = 0;
    return {
      take: (more) => {
        if (this.#taken + more > this.#most) return false;
        this.#taken += more;
        bytes += more;
        return true;
      },
      giveBack: () => {
        this.#taken -= bytes;
        bytes = 0;
      },
    };
  }
}

export type BodyShare = {
  /** False if there is no room for so many octets more. */
  readonly take: (more: number) => boolean;
  readonly giveBack: () => void;
};
