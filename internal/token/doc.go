// Package token keeps the server's signing secret and makes and checks the
// tokens by which viewers and producers are known.
//
// A token is a JWT signed with HMAC-SHA-256 (RFC 7519, RFC 7518 §3.2). The
// package is strict: one algorithm, one issuer, one audience, and a token
// without an end is refused. These are its rules:
//
//   - TK1 Processes that open the same folder at the same time get the same secret.
//   - TK2 The secret file is readable by its owner alone, or it is refused.
//   - TK3 A token verifies only if this secret signed it, with HS256.
//   - TK4 A token without expiry, or past it, is refused.
//   - TK5 A token that names another issuer or audience is refused.
//   - TK6 Verify returns exactly the claims that were minted.
//   - TK8 The participant of the same parts under the same key is the same one;
//     other parts, or the same text parted elsewhere, are another.
//   - TK9 Servers that share a text have the same Keys; one of less than 32 bytes
//     is refused.
//   - TK7 Neither secret nor token appears in an error or a log line.
package token
