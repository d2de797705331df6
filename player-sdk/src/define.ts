/**
 * Registers every element. Import the classes from elements/ to register none.
 *
 * @module
 */
import { CuelightDetails } from "./elements/cuelight-details.ts";
import { CuelightDoor } from "./elements/cuelight-door.ts";
import { CuelightOverlay } from "./elements/cuelight-overlay.ts";
import { CuelightPlayer } from "./elements/cuelight-player.ts";
import { CuelightStatus } from "./elements/cuelight-status.ts";

const elements = {
  "cuelight-details": CuelightDetails,
  "cuelight-door": CuelightDoor,
  "cuelight-overlay": CuelightOverlay,
  "cuelight-status": CuelightStatus,
  "cuelight-player": CuelightPlayer,
};

for (const [name, element] of Object.entries(elements)) {
  if (customElements.get(name) === undefined) customElements.define(name, element);
}
