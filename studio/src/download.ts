/** Files: reading a large answer to its end, and giving it to the browser to keep. */

/** How a download is watched. */
export interface DownloadWatch {
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Hears how many bytes have come. */
  readonly onBytes: (bytes: number) => void;
}

/**
 * Reads what `ask` answers to its end. It may take as long as it likes while
 * something comes; after `quietMs` without a byte it is given up.
 *
 * @throws what `ask` and the line throw; a TimeoutError when nothing came for too long.
 */
export async function download(
  ask: (signal: AbortSignal) => Promise<Response>,
  watch: DownloadWatch,
  quietMs: number,
): Promise<Blob> {
  const quiet = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const heard = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => quiet.abort(new DOMException("nothing came", "TimeoutError")), quietMs);
  };
  heard();
  try {
    const response = await ask(AbortSignal.any([watch.signal, quiet.signal]));
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    let bytes = 0;
    const reader = response.body?.getReader();
    for (let next = await reader?.read(); next?.value !== undefined; next = await reader?.read()) {
      heard();
      chunks.push(next.value);
      bytes += next.value.byteLength;
      watch.onBytes(bytes);
    }
    return new Blob(chunks, { type: response.headers.get("content-type") ?? "" });
  } finally {
    clearTimeout(timer);
  }
}

/** How long a browser may take to begin with a file, in ms. */
const TAKE_OVER_MS = 60_000;

/** Gives a file to the browser to keep under this name. */
export function keepFile(file: Blob, name: string): void {
  const url = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), TAKE_OVER_MS);
}
