/** What a server says on a WebSocket, read from the bytes of the connection. Spec: RFC 6455 §5.2. */

const TEXT = 1;

/** Reads the text frames behind an HTTP answer, unmasked and unfragmented as servers here send them. */
export class FrameReader {
  #bytes = Buffer.alloc(0);
  #headed = false;

  /** Takes the next bytes and returns the messages that they complete. */
  push(data: Buffer): unknown[] {
    this.#bytes = Buffer.concat([this.#bytes, data]);
    if (!this.#headed && !this.#head()) return [];
    const messages: unknown[] = [];
    for (let frame = this.#frame(); frame !== undefined; frame = this.#frame()) {
      if (frame.opcode === TEXT) messages.push(JSON.parse(frame.payload.toString("utf8")));
    }
    return messages;
  }

  #head(): boolean {
    const end = this.#bytes.indexOf("\r\n\r\n");
    if (end < 0) return false;
    this.#bytes = this.#bytes.subarray(end + 4);
    this.#headed = true;
    return true;
  }

  #frame(): { opcode: number; payload: Buffer } | undefined {
    const bytes = this.#bytes;
    if (bytes.length < 2) return undefined;
    const short = bytes.readUInt8(1) & 0x7f;
    const head = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (bytes.length < head) return undefined;
    const size =
      short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
    if (bytes.length < head + size) return undefined;
    this.#bytes = bytes.subarray(head + size);
    return { opcode: bytes.readUInt8(0) & 0x0f, payload: bytes.subarray(head, head + size) };
  }
}
