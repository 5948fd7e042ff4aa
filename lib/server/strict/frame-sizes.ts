/** A head is two octets, the length that does not fit there, and the mask that every client's frame has. */
const HEAD_BYTES = 2;
const MASK_BYTES = 4;

/**
 * Reads the heads of a client's WebSocket frames as their octets pass. The library that reads the messages does not
 * tell in how many frames they came. @see RFC 6455 §5.2
 */
export class FrameSizes {
  readonly #head: number[] = [];
  #payload = 0;

  /** @returns the size of the largest frame that begins in these octets; 0 if none does */
  pass(octets: Buffer): number {
    let largest = 0;
    for (let at = 0; at < octets.length; ) {
      const passed = Math.min(this.#payload, octets.length - at);
      this.#payload -= passed;
      at += passed;
      const octet = octets[at];
      if (passed > 0 || octet === undefined) continue;
      at += 1;
      this.#head.push(octet);
      if (this.#head.length < this.#headBytes()) continue;
      this.#payload = this.#length();
      this.#head.length = 0;
      largest = Math.max(largest, this.#payload);
    }
    return largest;
  }

  #headBytes(): number {
    const [, second = 0] = this.#head;
    return HEAD_BYTES + extensionBytes(second) + ((second & 0x80) === 0 ? 0 : MASK_BYTES);
  }

  #length(): number {
    const [, second = 0, ...rest] = this.#head;
    const extension = rest.slice(0, extensionBytes(second));
    return extension.length === 0 ? second & 0x7f : extension.reduce((length, octet) => length * 256 + octet, 0);
  }
}

function extensionBytes(second: number): number {
  const length = second & 0x7f;
  if (length < 126) return 0;
  return length === 126 ? 2 : 8;
}
