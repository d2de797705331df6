/** Keys of the console: single letters, as on a switcher; never while somebody types or a dialog asks something. */

/** What a letter does; `shift+t` is T with Shift, which else does what T does. */
export type Hotkeys = Readonly<Record<string, () => void>>;

/** What {@link hotkeyOf} looks at. */
export interface KeyPress {
  readonly key: string;
  readonly repeat: boolean;
  readonly shiftKey: boolean;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly defaultPrevented: boolean;
  /** Tags of the elements that the key goes through, innermost first, in lower case. */
  readonly path: readonly string[];
}

const typing: ReadonlySet<string> = new Set(["input", "textarea", "select", "dialog"]);

/** The letter that was pressed as a command, with `shift+` before it if Shift was held; undefined if it was meant for something else. */
export function hotkeyOf(press: KeyPress): string | undefined {
  if (press.repeat || press.ctrlKey || press.metaKey || press.altKey || press.defaultPrevented)
    return undefined;
  if (press.key.length !== 1 || press.path.some((tag) => typing.has(tag))) return undefined;
  return `${press.shiftKey ? "shift+" : ""}${press.key.toLowerCase()}`;
}

/** Calls `hotkeys` for keys pressed anywhere on the page, until the signal aborts. */
export function listenForHotkeys(hotkeys: Hotkeys, options: { readonly signal: AbortSignal }): void {
  const onKey = (event: KeyboardEvent): void => {
    const { key, repeat, shiftKey, ctrlKey, metaKey, altKey, defaultPrevented } = event;
    const path = event.composedPath().flatMap((node) => (node instanceof Element ? [node.localName] : []));
    const letter = hotkeyOf({ key, repeat, shiftKey, ctrlKey, metaKey, altKey, defaultPrevented, path });
    const act = letter === undefined ? undefined : (hotkeys[letter] ?? hotkeys[letter.replace("shift+", "")]);
    if (act === undefined) return;
    event.preventDefault();
    act();
  };
  document.addEventListener("keydown", onKey, options);
}
