/** What a person would see of the overlay, observed from outside of it. */
import type { Page } from "playwright-core";

/**
 * Logs, on the page's `performance.now()`, every animation frame in which the
 * overlay has just become visible. {@link overlayOpenings} fetches them. It
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
    const shows = (element: Element | undefined) =>
      element?.isConnected === true && element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    const log: number[] = [];
    Object.assign(globalThis, { overlayLog: log });
    let element: Element | undefined;
    let visible = false;
    const look = (now: number) => {
      if (element?.isConnected !== true) element = find(document);
      const is = shows(element);
      if (is && !visible) log.push(now);
      visible = is;
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
}

export async function overlayOpenings(page: Page): Promise<readonly number[]> {
  return page.evaluate(() => (globalThis as never as { overlayLog: number[] }).overlayLog);
}
