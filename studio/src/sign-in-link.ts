/** Tokens that come by a link: `/studio/#token=…`. What follows `#` is never sent to a server. */

/** The token in an address or in the part of it after `#`; undefined if there is none. */
export function tokenIn(text: string): string | undefined {
  const hash = text.includes("#") ? text.slice(text.indexOf("#") + 1) : "";
  return new URLSearchParams(hash).get("token")?.trim() || undefined;
}

/** The token that somebody pasted: the token alone, or the whole link. */
export const pastedToken = (text: string): string => tokenIn(text) ?? text.replace(/\s+/gu, "");

/** Takes the token out of the address bar, and out of the page's history, before anybody can read it there. */
export function takeToken(location: Location, history: History): string | undefined {
  const token = tokenIn(location.hash);
  if (token !== undefined) history.replaceState(null, "", location.pathname + location.search);
  return token;
}
