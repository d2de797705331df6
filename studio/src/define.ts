/** Importing this registers every element of the studio. */
import { ClAudience } from "./elements/cl-audience.ts";
import { ClBan } from "./elements/cl-ban.ts";
import { ClConfirm } from "./elements/cl-confirm.ts";
import { ClConsole } from "./elements/cl-console.ts";
import { ClCountdown } from "./elements/cl-countdown.ts";
import { ClCueActions } from "./elements/cl-cue-actions.ts";
import { ClEvent } from "./elements/cl-event.ts";
import { ClHealth } from "./elements/cl-health.ts";
import { ClHistogram } from "./elements/cl-histogram.ts";
import { ClLatency } from "./elements/cl-latency.ts";
import { ClLight } from "./elements/cl-light.ts";
import { ClLinks } from "./elements/cl-links.ts";
import { ClNext } from "./elements/cl-next.ts";
import { ClNotices } from "./elements/cl-notices.ts";
import { ClOpenings } from "./elements/cl-openings.ts";
import { ClPastShows } from "./elements/cl-past-shows.ts";
import { ClPeople } from "./elements/cl-people.ts";
import { ClPreview } from "./elements/cl-preview.ts";
import { ClProgram } from "./elements/cl-program.ts";
import { ClQuestionForm } from "./elements/cl-question-form.ts";
import { ClResults } from "./elements/cl-results.ts";
import { ClRundown } from "./elements/cl-rundown.ts";
import { ClSchedule } from "./elements/cl-schedule.ts";
import { ClShow } from "./elements/cl-show.ts";
import { ClSignIn } from "./elements/cl-sign-in.ts";
import { ClStage } from "./elements/cl-stage.ts";
import { ClStudio } from "./elements/cl-studio.ts";
import { ClTopBar } from "./elements/cl-top-bar.ts";
import { ClWait } from "./elements/cl-wait.ts";
import { ClWindowBar } from "./elements/cl-window-bar.ts";

const elements: Readonly<Record<string, CustomElementConstructor>> = {
  "cl-audience": ClAudience,
  "cl-ban": ClBan,
  "cl-confirm": ClConfirm,
  "cl-countdown": ClCountdown,
  "cl-cue-actions": ClCueActions,
  "cl-health": ClHealth,
  "cl-event": ClEvent,
  "cl-histogram": ClHistogram,
  "cl-latency": ClLatency,
  "cl-light": ClLight,
  "cl-links": ClLinks,
  "cl-openings": ClOpenings,
  "cl-past-shows": ClPastShows,
  "cl-people": ClPeople,
  "cl-schedule": ClSchedule,
  "cl-next": ClNext,
  "cl-notices": ClNotices,
  "cl-preview": ClPreview,
  "cl-program": ClProgram,
  "cl-question-form": ClQuestionForm,
  "cl-results": ClResults,
  "cl-rundown": ClRundown,
  "cl-show": ClShow,
  "cl-sign-in": ClSignIn,
  "cl-stage": ClStage,
  "cl-top-bar": ClTopBar,
  "cl-wait": ClWait,
  "cl-window-bar": ClWindowBar,
  "cl-console": ClConsole,
  "cl-studio": ClStudio,
};

for (const [tag, element] of Object.entries(elements)) {
  if (!customElements.get(tag)) customElements.define(tag, element);
}
