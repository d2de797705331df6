package main

// Help is what `cuelight bench --help` says beyond the list.
func (benchCommand) Help() string {
	return `Opens real sockets to a running server from several processes, speaks the protocol that players speak, and checks what it hears.

The polls are real: whoever is connected sees them. Rehearse on a channel without an audience.

A producer's token is needed for all but connect. It comes from the environment (CUELIGHT_TOKEN) or from a file (--token-file), never from an argument:

  CUELIGHT_TOKEN="$(cuelight token producer --data DIR)" cuelight bench answers --viewers 10000

Exit codes: 0 nothing differs from what must be, 1 something does, 2 it could not be found out.`
}

// Help is what `cuelight bench answers --help` says beyond the flags.
func (benchAnswersCommand) Help() string {
	return `Viewers tap inside the window by the server's clock, send an answer without a reply again, unchanged, and come back when their connection ends. Then every receipt is held against its answer (cue, answer, choice, a number that nobody else has), and all of them against the final tally.

"behind its own timing" is how late the generator was: where it is more than a few milliseconds, this machine was the limit, not the server.`
}

// Help is what `cuelight bench connect --help` says beyond the flags.
func (benchConnectCommand) Help() string {
	return `Whoever is refused for now (429, 503) comes again after what the server asks for and a random pause, as players do; refusals are counted by status, close code or error.`
}

// Help is what `cuelight bench broadcast --help` says beyond the flags.
func (benchBroadcastCommand) Help() string {
	return `The time is from the producer's request to extend a poll, so the request itself and the write to the log are in it; "after the first" is the way to the viewers alone.`
}

// Help is what `cuelight bench resume --help` says beyond the flags.
func (benchResumeCommand) Help() string {
	return `Every connection is reset at the same moment. While nobody is there the poll is changed several times. Who comes back names the last message that it read, and is sent everything after it, or the state anew. A message that never comes, though nothing newer says the same, is a difference, and so is one that comes twice.`
}
