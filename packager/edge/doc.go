// Package edge serves the channels of other servers: it loads each playlist,
// part and segment once from the server that packages the channel, and gives the
// same bytes under the same name to everybody who asks.
//
// Guarantees, numbered in packager/SPEC.md:
//
//   - ED1 What viewers get is what the origin answers: status, bytes, and the
//     headers that mean something.
//   - ED2 However many ask for an object at once, the origin is asked once. Who
//     leaves stops waiting, and nobody else.
//   - ED3 An object is of one origin. What breaks off on the way is loaded anew,
//     as a whole; nothing of it was shown.
//   - ED4 Memory, waiting requests and requests on their way have limits.
//   - ED5 The origin of a channel may change at any moment, also while requests
//     are held there.
//
// Answers are kept as their Cache-Control says, errors for a second at most.
package edge
