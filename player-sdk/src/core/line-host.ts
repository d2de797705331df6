/**
 * Runs a line for another thread.
 *
 * @module
 */
import { localNow } from "./clock-sync.ts";
import type { LineEvent, LineRequest, Port } from "./line-port.ts";
import { LocalLine, type LocalLineOptions } from "./local-line.ts";

/**
 * Serves the other end of `port`, which asks for one line. It ends with its
 * thread.
 */
export function hostLine(
  port: Port<LineRequest, LineEvent>,
  options: Pick<LocalLineOptions, "open" | "openStream" | "msgpack" | "random"> = {},
): void {
  const say = (event: LineEvent): void => port.postMessage(event);
  let line: LocalLine | undefined;
  const start = ({ target, identity }: Extract<LineRequest, { do: "run" }>): void => {
    line = new LocalLine({
      ...target,
      ...options,
      sampled: (sample, epoch) => say({ is: "sample", sample, epoch }),
    });
    line.identify(identity);
    const run = line.run(
      {
        message: (message) => say({ is: "message", message }),
        link: (link) => say({ is: "link", link }),
        clock: (change) => {
          if (change === "reset") say({ is: "reset" });
        },
        denied: () => say({ is: "denied" }),
        warn: (message, cause) => say({ is: "warning", message, cause: String(cause) }),
      },
      { signal: new AbortController().signal },
    );
    void run.finally(() => say({ is: "over" }));
  };
  port.onmessage = ({ data }) => {
    switch (data.do) {
      case "time":
        return say({ is: "time", sentAt: data.sentAt, at: localNow() });
      case "run":
        return start(data);
      case "identify":
        return line?.identify(data.identity);
      case "send":
        return void line?.send(data.message);
      case "expect":
        return line?.expect(data.openings);
      case "wake":
        return line?.wake(data.why);
      default:
        return data satisfies never;
    }
  };
  say({ is: "ready" });
}
