/** What a person would see of the overlay, observed from outside of it. */
import type { Page } from "playwright-core";

/** A window that opened, and the animation frame in which it was first seen, on the page's `performance.now()`. */
export interface Seen {
  readonly cue: string;
  readonly ms: number;
}

/**
 * Logs every window that opens. {@link overlayOpenings} fetches the log. It
 * looks at what is rendered and asks the player nothing.
 */
export async function watchOverlay(page: Page): Promise<void> {
  await page.evaluate(() => {
    const find = (root: ParentNode): Element | undefined => {
      const here = root.querySelector('[data-testid="overlay"]');
      if (here !== null) return here;
      for (const element of root.querySelectorAll("*")) {
        const inside = element.shadowRoot === null ? undefined : find(element.shadowRoot);
        if (inside !== undefined) return inside;
      }
      return undefined;
    };
    const log: { cue: string; ms: number }[] = [];
    Object.assign(globalThis, { overlayLog: log });
    let element: Element | undefined;
    let open = "";
    const look = (now: number) => {
      // The id stands on the element while it is shown, and only then.
      if (element?.isConnected !== true || element.getAttribute("data-testid") !== "overlay")
        element = find(document);
      const shown = element?.checkVisibility({ opacityProperty: true, visibilityProperty: true }) === true;
      const cue =
        shown && element?.getAttribute("data-phase") === "open"
          ? (element.getAttribute("data-cue") ?? "")
          : "";
      if (cue !== "" && cue !== open) log.push({ cue, ms: now });
      if (cue !== "") open = cue;
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
}

export async function overlayOpenings(page: Page): Promise<readonly Seen[]> {
  return page.evaluate(() => (globalThis as never as { overlayLog: Seen[] }).overlayLog);
}
