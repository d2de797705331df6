package engine

// SpreadOf is over how long an audience spreads its answers.
var SpreadOf = spreadOf
