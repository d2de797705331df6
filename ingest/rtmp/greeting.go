package rtmp

import (
	"errors"
	"io"
	"math"
	"math/bits"
	"net"
	"net/url"
	"strings"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/handshake"
	rtmpmessage "github.com/bluenviron/gortmplib/pkg/message"

	"github.com/cuelight/cuelight/ingest"
)

const (
	// ourWindow is what the peer should acknowledge, in bytes; we send little.
	ourWindow = 2_500_000
	// ourChunks is the size of the chunks we send.
	ourChunks = 64 << 10
	// dynamic limits the peer as it was limited before, if at all.
	dynamic = 2
)

// What we can do, as enhanced RTMP announces it. Spec: Enhanced RTMP v2,
// Enhancing NetConnection connect Command.
const (
	canDecode     = 1
	capMultitrack = 2
	capModEx      = 4
)

// wish is what a peer asked for.
type wish struct {
	app, name string
	flashVer  string
	publish   bool
	stream    uint32 // message stream that it came on
	early     []message
}

// maxEarly is how many data messages may come before publish.
const maxEarly = 16

// command is an RTMP command. Spec: RTMP 1.0 §7.2.
type command struct {
	name        string
	transaction float64
	arguments   []any // the command object first
	stream      uint32
}

// readCommand reports false for a message that is no command. What follows the
// arguments that can be read does not matter.
func readCommand(m message) (command, bool) {
	body := m.body
	if m.kind == kindCommand3 && len(body) > 0 {
		body = body[1:] // says that values of AMF 0 follow
	} else if m.kind != kindCommand {
		return command{}, false
	}
	values, _ := readAMF(body)
	if len(values) < 2 {
		return command{}, false
	}
	name, isText := values[0].(string)
	transaction, isNumber := values[1].(float64)
	return command{name: name, transaction: transaction, arguments: values[2:], stream: m.stream}, isText && isNumber
}

func (c command) object() object {
	if len(c.arguments) == 0 {
		return nil
	}
	o, _ := c.arguments[0].(object)
	return o
}

// text returns the argument after the command object.
func (c command) text() string {
	if len(c.arguments) < 2 {
		return ""
	}
	s, _ := c.arguments[1].(string)
	return s
}

// greet goes on until the peer has said what it wants; the answer to that is
// still to be given.
func (c *conn) greet() (req ingest.Request, err error) {
	keyIn, _, err := handshake.DoServer(struct {
		io.Reader
		io.Writer
	}{c.in, c.wire}, false)
	if err != nil {
		return req, greetingError(err)
	}
	if keyIn != nil {
		return req, ingest.Errorf(ingest.CodeMalformed, "rtmpe:// is not supported: use rtmps://")
	}
	c.wire.acknowledge = c.acknowledge
	if err := c.negotiate(); err != nil {
		return req, greetingError(err)
	}
	req.Channel, req.Key = streamKey(c.wish.app, c.wish.name)
	if !c.wish.publish {
		return req, ingest.Errorf(ingest.CodeMode, "this port takes streams in: watch them with a browser at /watch/CHANNEL")
	}
	return req, nil
}

// greetingError says what went wrong in words of ours: others may hold URLs,
// and with them stream keys.
func greetingError(err error) error {
	if quiet(err) {
		return err
	}
	if e, ok := errors.AsType[*ingest.Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return ingest.Errorf(ingest.CodeTimeout, "the handshake took too long")
	}
	if errors.Is(err, errGreeting) {
		return ingest.Errorf(ingest.CodeMalformed, "more than %d KiB before publishing", greetingBytes>>10)
	}
	return ingest.Errorf(ingest.CodeMalformed, "this is not how an RTMP publisher begins")
}

// negotiate answers commands until one says whether to publish or to play.
// Encoders send data messages before that too; they are kept.
func (c *conn) negotiate() error {
	for {
		m, err := c.next()
		if err != nil {
			return err
		}
		cmd, ok := readCommand(m)
		switch {
		case !ok && (m.kind == kindData || m.kind == kindData3) && len(c.wish.early) < maxEarly:
			c.wish.early = append(c.wish.early, m)
		case ok:
			done, err := c.answer(cmd)
			if done || err != nil {
				return err
			}
		}
	}
}

// answer handles one command, and reports whether it is the one that says what
// the peer wants.
func (c *conn) answer(cmd command) (done bool, err error) {
	if !c.greeted && cmd.name != "connect" {
		return false, ingest.Errorf(ingest.CodeMalformed, "this is not how an RTMP publisher begins")
	}
	switch cmd.name {
	case "connect":
		return false, c.connect(cmd)
	case "createStream":
		return false, c.result(cmd, nil, 1.0)
	case "releaseStream", "_checkbw", "getStreamLength":
		return false, c.result(cmd, nil, amf0.Undefined{})
	case "FCPublish":
		return false, c.welcome(cmd)
	case "publish", "play", "play2":
		c.wish.name, c.wish.publish = cmd.text(), cmd.name == "publish"
		c.wish.stream = max(cmd.stream, 1)
		return true, nil
	}
	return false, nil
}

// connect answers the first command.
func (c *conn) connect(cmd command) error {
	o := cmd.object()
	app := o.text("app")
	if app == "" {
		app = appOf(o)
	}
	c.wish.app, c.wish.flashVer = app, o.text("flashVer")
	c.greeted = true
	for _, m := range []rtmpmessage.Message{
		&rtmpmessage.SetWindowAckSize{Value: ourWindow},
		&rtmpmessage.SetPeerBandwidth{Value: ourWindow, Type: dynamic},
		&rtmpmessage.SetChunkSize{Value: ourChunks},
	} {
		if err := c.out.Write(m); err != nil {
			return err
		}
	}
	return c.result(cmd, abilities(), amf0.Object{
		{Key: "level", Value: "status"},
		{Key: "code", Value: "NetConnection.Connect.Success"},
		{Key: "description", Value: "connected"},
		{Key: "objectEncoding", Value: 0.0},
	})
}

// abilities tells encoders of enhanced RTMP what they may send.
func abilities() amf0.Object {
	return amf0.Object{
		{Key: "fmsVer", Value: "FMS/3,5,3,888"}, // old encoders look for it
		{Key: "capabilities", Value: 31.0},
		{Key: "fourCcList", Value: amf0.StrictArray{fourAVC, fourHEVC, fourAV1, fourAAC, fourOpus}},
		{Key: "videoFourCcInfoMap", Value: amf0.Object{
			{Key: fourAVC, Value: float64(canDecode)},
			{Key: fourHEVC, Value: float64(canDecode)},
			{Key: fourAV1, Value: float64(canDecode)},
		}},
		{Key: "audioFourCcInfoMap", Value: amf0.Object{
			{Key: fourAAC, Value: float64(canDecode)},
			{Key: fourOpus, Value: float64(canDecode)},
		}},
		{Key: "capsEx", Value: float64(capMultitrack | capModEx)},
	}
}

// welcome answers FCPublish, for which some encoders wait.
func (c *conn) welcome(cmd command) error {
	if err := c.result(cmd, nil, amf0.Undefined{}); err != nil {
		return err
	}
	return c.send("onFCPublish", 0, 0, nil, amf0.Object{
		{Key: "level", Value: "status"},
		{Key: "code", Value: "NetStream.Publish.Start"},
		{Key: "description", Value: "go on with publish"},
	})
}

// result answers a command, if it asked for an answer.
func (c *conn) result(cmd command, arguments ...any) error {
	if cmd.transaction == 0 {
		return nil
	}
	return c.send("_result", cmd.transaction, cmd.stream, arguments...)
}

// commandChunks is the chunk stream of our commands.
const commandChunks = 3

func (c *conn) send(name string, transaction float64, stream uint32, arguments ...any) error {
	id := 0
	if math.Abs(transaction) < math.MaxInt32 {
		id = int(transaction)
	}
	return c.out.Write(&rtmpmessage.CommandAMF0{
		ChunkStreamID: commandChunks, MessageStreamID: bits.ReverseBytes32(stream),
		Name: name, CommandID: id, Arguments: arguments,
	})
}

// appOf takes the application out of the whole address.
func appOf(o object) string {
	address := o.text("tcUrl")
	if address == "" {
		address = o.text("tcurl")
	}
	_, address, _ = strings.Cut(strings.Trim(address, "'"), "://")
	_, app, _ := strings.Cut(address, "/")
	return app
}

// streamKey finds the stream key in an application and a stream's name:
// rtmp://HOST/APP and NAME. The usual APP is "live"; without one both together
// are the key. A key= may be in the query of either.
func streamKey(app, name string) (channel string, key ingest.Secret) {
	app, appQuery, _ := strings.Cut(app, "?")
	name, nameQuery, _ := strings.Cut(name, "?")
	path := strings.Trim(strings.Trim(app, "/")+"/"+strings.Trim(name, "/"), "/")
	if rest, ok := strings.CutPrefix(path+"/", "live/"); ok {
		path = strings.Trim(rest, "/")
	}
	if plain, err := url.PathUnescape(path); err == nil {
		path = plain
	}
	for _, query := range []string{nameQuery, appQuery} {
		if values, err := url.ParseQuery(query); err == nil && values.Has("key") {
			path += "?" + url.Values{"key": values["key"][:1]}.Encode()
			break
		}
	}
	return ingest.ParseKey(path)
}
