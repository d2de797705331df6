package gateway_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

// TestCodecs: the same show in both codecs, side by side.
func TestCodecs(t *testing.T) {
	inRig(t, &room{}, nil, func(rig *rig) {
		for _, codec := range []wire.Codec{wire.JSON, wire.Msgpack} {
			c := rig.dialAs(nil, codec).listen()
			c.say(&wire.Hello{Version: 1, Channel: "show"})
			if w := expect[*wire.Welcome](c); w.Title != "Tonight" || w.Participant == "" {
				t.Errorf("GW14 %s: welcome = %+v", codec.Subprotocol(), w)
			}
			c.write(websocket.BinaryMessage, wire.Ping{Seq: 3, Sent: 1}.Append(nil))
			if f := <-c.got; f.pong == nil || f.pong.Seq != 3 {
				t.Errorf("GW14 %s: clock reply = %+v (%v)", codec.Subprotocol(), f.pong, f.err)
			}
			c.say(answer("a1", 1))
			if r := expect[*wire.Receipt](c); r.ID != "a1" || r.Seq != 1 || len(r.Choice) != 1 || r.Choice[0] != 1 {
				t.Errorf("GW14 %s: receipt = %+v", codec.Subprotocol(), r)
			}
			c.say(&wire.Answer{ID: "a2", Cue: "c1"})
			if r := expect[*wire.Refused](c); r.Code != string(interact.CodeInvalid) {
				t.Errorf("GW14 %s: refused = %+v", codec.Subprotocol(), r)
			}
			rig.g.Broadcast("show", wire.Viewers, cueChanged("c9", wire.StateArmed))
			if m := expect[*wire.CueChanged](c); m.Cue.ID != "c9" || m.Cue.State != wire.StateArmed {
				t.Errorf("GW14 %s: cue = %+v", codec.Subprotocol(), m)
			}
			c.ws.Close()
		}
	})
}

func TestBroadcastReachesBothCodecs(t *testing.T) {
	inRig(t, &room{}, nil, func(rig *rig) {
		var viewers []*client
		for _, codec := range []wire.Codec{wire.JSON, wire.Msgpack, wire.JSON, wire.Msgpack} {
			c := rig.dialAs(nil, codec).listen()
			c.say(&wire.Hello{Version: 1, Channel: "show"})
			expect[*wire.Welcome](c)
			viewers = append(viewers, c)
		}
		rig.g.Broadcast("show", wire.Viewers, &wire.Tally{Cue: "c1", Version: 7, Counts: []uint64{4, 3}, Total: 7})
		for i, c := range viewers {
			if m := expect[*wire.Tally](c); m.Version != 7 || m.Total != 7 || m.Counts[1] != 3 {
				t.Errorf("GW14 viewer %d: tally = %+v", i, m)
			}
		}
	})
}

func TestSubprotocolIsTheClientsFirst(t *testing.T) {
	inRig(t, &room{}, nil, func(rig *rig) {
		for _, tc := range []struct {
			asked []string
			want  string
		}{
			{[]string{wire.Subprotocol, wire.SubprotocolMsgpack}, wire.Subprotocol},
			{[]string{wire.SubprotocolMsgpack, wire.Subprotocol}, wire.SubprotocolMsgpack},
			{[]string{"cuelight.v9.json", wire.SubprotocolMsgpack}, wire.SubprotocolMsgpack},
		} {
			ws, _, err := rig.handshakeAs(nil, tc.asked...)
			if err != nil {
				t.Fatal(err)
			}
			if got := ws.Subprotocol(); got != tc.want {
				t.Errorf("GW14 asked for %v, got %q", tc.asked, got)
			}
			ws.Close()
		}
		if _, resp, err := rig.handshakeAs(nil, "cuelight.v9.json"); err == nil || resp.StatusCode != http.StatusBadRequest {
			t.Errorf("GW14 an unknown subprotocol: %v, want 400", err)
		}
	})
}

func TestWrongKindOfFrameCloses(t *testing.T) {
	for name, send := range map[string]func(*client){
		"GW14 text":          func(c *client) { c.write(websocket.TextMessage, []byte(`{"t":"status","class":"in"}`)) },
		"GW14 no map":        func(c *client) { c.write(websocket.BinaryMessage, []byte{0xc0}) },
		"GW14 empty":         func(c *client) { c.write(websocket.BinaryMessage, nil) },
		"GW14 damaged clock": func(c *client) { c.write(websocket.BinaryMessage, []byte{1, 2, 3}) },
	} {
		t.Run(name, func(t *testing.T) {
			inRig(t, &room{}, nil, func(rig *rig) {
				c := rig.dialAs(nil, wire.Msgpack).listen()
				c.say(&wire.Hello{Version: 1, Channel: "show"})
				expect[*wire.Welcome](c)
				time.Sleep(time.Second)
				send(c)
				c.closed(wire.CloseInvalid)
			})
		})
	}
}
