/** Dark as a control room, light as an office, or as the system says. */
import { Keepsake } from "./keepsake.ts";

const THEMES = ["auto", "dark", "light"] as const;

/** Which colours the studio has. */
export type Theme = (typeof THEMES)[number];

const kept = new Keepsake("cuelight.studio.theme");

/** The one that was chosen last; auto if none was. */
export const rememberedTheme = (): Theme => THEMES.find((theme) => theme === kept.read()) ?? "auto";

/** The one after `theme`, round and round. */
export const nextTheme = (theme: Theme): Theme =>
  THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "auto";

/** Shows it and remembers it. */
export function showTheme(theme: Theme): void {
  if (theme === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
  kept.write(theme);
}
