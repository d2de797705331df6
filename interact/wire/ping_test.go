package wire_test

import (
	"encoding/hex"
	"testing"

	"github.com/cuelight/cuelight/interact/wire"
)

// The bytes are also in player-sdk's tests: both sides keep them.
const (
	pingHex = "010203" + "40fe240ccccccccd"
	pongHex = "020203" + "40fe240ccccccccd" + "000660ea77788d40" + "000660ea77788d47" + "00000007"
)

func TestClockFrames(t *testing.T) {
	ping := wire.Ping{Seq: 0x0203, Sent: 123456.8}
	if got := hex.EncodeToString(ping.Append(nil)); got != pingHex {
		t.Errorf("W6 ping = %s, want %s", got, pingHex)
	}
	pong := wire.Pong{Ping: ping, Received: 1795410003266880, Replied: 1795410003266887, ClockEpoch: 7}
	frame := pong.Append(nil)
	if got := hex.EncodeToString(frame); got != pongHex {
		t.Errorf("W6 pong = %s, want %s", got, pongHex)
	}
	if back, err := wire.ParsePong(frame); err != nil || back != pong {
		t.Errorf("W6 read back %+v, %v", back, err)
	}
	if _, err := wire.ParsePing(frame); err == nil {
		t.Error("W6 took a pong for a ping")
	}
	if _, err := wire.ParsePong(frame[:12]); err == nil {
		t.Error("W6 took a cut pong")
	}
}
