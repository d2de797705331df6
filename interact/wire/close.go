package wire

// CloseCode is why the server closed a socket.
// Spec: RFC 6455 §7.4.2 (4000–4999 are private).
type CloseCode int

// Close codes. Below 4100 a client comes back with full-jitter backoff; from
// 4100 on it does not, and says why.
const (
	CloseRestart CloseCode = 4000 // server is stopping; another takes over
	CloseSlow    CloseCode = 4001 // read slower than we sent
	CloseIdle    CloseCode = 4002 // no pong in time
	CloseBusy    CloseCode = 4003 // more viewers than this node holds
	CloseError   CloseCode = 4004 // our fault
	CloseHello   CloseCode = 4005 // no hello in time

	CloseInvalid CloseCode = 4100 // message that is not of this protocol
	CloseVersion CloseCode = 4101 // hello with another version
	CloseChannel CloseCode = 4102 // no such channel
	CloseDenied  CloseCode = 4103 // token refused
	CloseTooMany CloseCode = 4104 // sent faster than allowed
	CloseKicked  CloseCode = 4106 // the producer wants this viewer out; a reload comes back
	CloseBanned  CloseCode = 4107 // the producer does not let this viewer in
	ClosePIN     CloseCode = 4108 // final until the viewer types the PIN
	CloseLink    CloseCode = 4109 // one-time link that another viewer has, or that is over
)

// Reconnect says whether a client should come back.
func (c CloseCode) Reconnect() bool { return c < 4100 }

// String is the reason phrase, also sent in the close frame.
func (c CloseCode) String() string {
	switch c {
	case CloseRestart:
		return "server is restarting"
	case CloseSlow:
		return "connection too slow"
	case CloseIdle:
		return "connection went silent"
	case CloseBusy:
		return "server is full"
	case CloseError:
		return "server error"
	case CloseInvalid:
		return "message not understood"
	case CloseVersion:
		return "protocol version not supported"
	case CloseChannel:
		return "no such channel"
	case CloseDenied:
		return "access denied"
	case CloseTooMany:
		return "too many messages"
	case CloseHello:
		return "no hello in time"
	case CloseKicked:
		return "removed by the producer"
	case CloseBanned:
		return "banned from this channel"
	case ClosePIN:
		return "a PIN is needed, or this one is wrong"
	case CloseLink:
		return "this link has been used or is over"
	default:
		return "closed"
	}
}
