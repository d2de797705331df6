package srt_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/datarhei/gosrt/crypto"
	"github.com/datarhei/gosrt/packet"

	"github.com/cuelight/cuelight/ingest/srt"
)

// sender is the other end of a connection in virtual time: it sends numbered
// packets, and again those that are asked for.
type sender struct {
	conn   *srt.Conn
	first  uint32
	ppm    float64       // of its clock
	delay  time.Duration // of the way, each way
	jitter time.Duration
	loss   float64 // of packets each way

	mu     sync.Mutex // protects what follows
	random *rand.Rand
	start  time.Time
	stamps map[uint32]uint32 // of packets sent lately
	naks   int
}

const maxSeq = 1<<31 - 1

// connect returns a sender on a running connection. Stop ends both and waits.
func connect(s *sender, latency time.Duration) (stop func()) {
	s.random = rand.New(rand.NewPCG(3, 4))
	s.stamps = make(map[uint32]uint32)
	s.start = time.Now()
	s.conn = srt.Connect(s.first, latency, nil, "", s.heard)
	var wg sync.WaitGroup
	wg.Go(func() { s.conn.Run(func(p any) error { return fmt.Errorf("panic: %v", p) }) })
	return func() {
		s.conn.Close()
		wg.Wait()
	}
}

func (s *sender) lost() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.Float64() < s.loss
}

// later carries a datagram to the connection.
func (s *sender) later(datagram []byte) {
	if s.lost() {
		return
	}
	s.mu.Lock()
	delay := s.delay + time.Duration(s.random.ExpFloat64()*float64(s.jitter))
	s.mu.Unlock()
	time.AfterFunc(delay, func() { s.conn.Push(datagram) })
}

// clock is the sender's, µs.
func (s *sender) clock() uint32 {
	return uint32(int64(float64(time.Since(s.start).Microseconds()) * (1 + s.ppm*1e-6)))
}

// number sends packet n.
func (s *sender) number(n uint32) {
	stamp := s.clock()
	s.mu.Lock()
	s.stamps[(s.first+n)&maxSeq] = stamp
	delete(s.stamps, (s.first+n-4096)&maxSeq)
	s.mu.Unlock()
	s.later(srt.Data(s.first+n, stamp, false, 0, numbered(n)))
}

func numbered(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

// heard answers what the connection sends.
func (s *sender) heard(datagram []byte) {
	if s.lost() {
		return
	}
	kind := packet.CtrlType(binary.BigEndian.Uint16(datagram) & 0x7fff)
	body := datagram[16:]
	switch kind {
	case packet.CTRLTYPE_ACK:
		number := binary.BigEndian.Uint32(datagram[4:])
		time.AfterFunc(s.delay, func() { s.later(srt.Control(packet.CTRLTYPE_ACKACK, 0, number, nil)) })
	case packet.CTRLTYPE_NAK:
		s.mu.Lock()
		s.naks++
		s.mu.Unlock()
		var cif packet.CIFNAK
		if cif.Unmarshal(body) != nil {
			panic("a loss report that makes no sense")
		}
		time.AfterFunc(s.delay, func() { s.again(cif) })
	}
}

func (s *sender) again(cif packet.CIFNAK) {
	for i := 0; i+1 < len(cif.LostPacketSequenceNumber); i += 2 {
		from, to := cif.LostPacketSequenceNumber[i].Val(), cif.LostPacketSequenceNumber[i+1].Val()
		for seq := from; ; seq = (seq + 1) & maxSeq {
			s.mu.Lock()
			stamp, ok := s.stamps[seq]
			s.mu.Unlock()
			if ok {
				s.later(srt.Data(seq, stamp, true, 0, numbered((seq-s.first)&maxSeq)))
			}
			if seq == to {
				break
			}
		}
	}
}

// TestASenderWithAnotherClock runs for longer than 200 ppm need to use up, or to
// add, more than the latency.
func TestASenderWithAnotherClock(t *testing.T) {
	for _, ppm := range []float64{200, -200} {
		t.Run(fmt.Sprintf("IG53 %+.0f ppm for longer than the buffer bears, with loss", ppm), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testDrift(t, ppm) })
		})
	}
}

func testDrift(t *testing.T, ppm float64) {
	const (
		latency = 250 * time.Millisecond
		delay   = 15 * time.Millisecond
		every   = 40 * time.Millisecond
		packets = uint32(30 * time.Minute / every) // 360 ms of drift
	)
	s := &sender{first: 1<<31 - 1000, ppm: ppm, delay: delay, jitter: time.Millisecond, loss: 0.02}
	stop := connect(s, latency)
	defer stop()
	var sending sync.WaitGroup
	defer sending.Wait()
	sending.Go(func() {
		for n := range packets {
			s.number(n)
			time.Sleep(every)
		}
	})
	shortest, longest, worst := time.Hour, time.Duration(0), time.Duration(0)
	for n := range packets - 10 {
		payload, at, err := s.conn.Next()
		if err != nil {
			t.Fatalf("packet %d: %v", n, err)
		}
		if got := binary.BigEndian.Uint32(payload); got != n {
			t.Fatalf("packet %d, want %d: some did not come", got, n)
		}
		sent := s.start.Add(time.Duration(n) * every)
		held := time.Since(sent.Add(delay))
		if time.Duration(n)*every > time.Minute {
			shortest, longest = min(shortest, held), max(longest, held)
			off := at.Sub(sent.Add(delay))
			worst = max(worst, off, -off)
		}
	}
	link := s.conn.Link()
	t.Logf("held %v to %v, arrival off by at most %v, %+v", shortest, longest, worst, link)
	if shortest < latency-time.Millisecond || longest > latency+12*time.Millisecond {
		t.Errorf("held for %v to %v, want %v and a tick", shortest, longest, latency)
	}
	if worst > time.Millisecond {
		t.Errorf("arrival off by %v, want at most 1 ms", worst)
	}
	if link.Lost == 0 || link.Retransmitted == 0 || link.Dropped != 0 {
		t.Errorf("IG52 link = %+v, want losses made good", link)
	}
	if link.RTT < 2*delay || link.RTT > 3*delay || link.Loss < 0 || link.Loss > 0.2 || link.Latency != latency {
		t.Errorf("IG52 link = %+v", link)
	}
}

func TestLinkCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sender{first: 5}
		stop := connect(s, 100*time.Millisecond)
		defer stop()
		send := func(n uint32, again bool) { s.conn.Push(srt.Data(s.first+n, s.clock(), again, 0, numbered(n))) }
		send(0, false)
		send(3, false) // 1 and 2 are missing
		send(2, false) // late, not lost
		send(1, true)  // lost, and sent again
		send(1, true)  // twice
		send(3, false) // twice
		send(6, false) // 4 and 5 never come
		time.Sleep(2 * time.Second)
		for _, want := range []uint32{0, 1, 2, 3, 6} {
			payload, _, err := s.conn.Next()
			if err != nil || binary.BigEndian.Uint32(payload) != want {
				t.Fatalf("got %v, %v; want %d", payload, err, want)
			}
		}
		link := s.conn.Link()
		if link.Lost != 3 || link.Retransmitted != 2 || link.Dropped != 2 {
			t.Errorf("IG52 link = %+v, want 3 lost, 2 sent again, 2 dropped", link)
		}
		if link.Loss < 0.42 || link.Loss > 0.43 { // 3 of 7
			t.Errorf("IG52 share lost = %v, want 3/7", link.Loss)
		}
		time.Sleep(900 * time.Millisecond)
		s.conn.Push(srt.Control(packet.CTRLTYPE_KEEPALIVE, 0, 0, nil))
		time.Sleep(2900 * time.Millisecond)
		s.conn.Push(srt.Control(packet.CTRLTYPE_KEEPALIVE, 0, 0, nil))
		time.Sleep(2900 * time.Millisecond)
		if link := s.conn.Link(); link.Loss != 0 || link.Lost != 3 {
			t.Errorf("IG52 seconds later link = %+v, want no more loss", link)
		}
	})
}

// TestTheSendersClockIsSet sends on through it: nothing waits for the old time.
func TestTheSendersClockIsSet(t *testing.T) {
	for _, jump := range []int64{-600e6, 3600e6} {
		t.Run(fmt.Sprintf("IG53 by %d s", jump/1e6), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &sender{}
				stop := connect(s, 120*time.Millisecond)
				defer stop()
				var sending sync.WaitGroup
				defer sending.Wait()
				const packets = 2000
				sending.Go(func() {
					for n := range uint32(packets) {
						stamp := s.clock() + 1000e6
						if n >= packets/2 {
							stamp = uint32(int64(stamp) + jump)
						}
						s.conn.Push(srt.Data(n, stamp, false, 0, numbered(n)))
						time.Sleep(10 * time.Millisecond)
					}
				})
				for n := range uint32(packets - 20) {
					payload, at, err := s.conn.Next()
					if err != nil || binary.BigEndian.Uint32(payload) != n {
						t.Fatalf("got %v, %v; want %d", payload, err, n)
					}
					sent := s.start.Add(time.Duration(n) * 10 * time.Millisecond)
					if held := time.Since(sent); held > 140*time.Millisecond {
						t.Fatalf("packet %d was held for %v", n, held)
					}
					if off := at.Sub(sent); n > packets/2+40 && (off < -time.Millisecond || off > time.Millisecond) {
						t.Fatalf("arrival of packet %d is off by %v", n, off)
					}
				}
			})
		})
	}
}

func TestSilentCallerIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sender{}
		stop := connect(s, 100*time.Millisecond)
		defer stop()
		start := time.Now()
		s.number(0)
		if _, _, err := s.conn.Next(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.conn.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("err = %v", err)
		}
		if took := time.Since(start); took < 3*time.Second || took > 3100*time.Millisecond {
			t.Errorf("IG6 given up after %v, want 3 s", took)
		}
	})
}

func TestWhatCameBeforeGoodbyeIsHandedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sender{}
		stop := connect(s, 8*time.Second)
		defer stop()
		const packets = 1000 // more than fit between goroutines
		for n := range uint32(packets) {
			s.number(n)
			time.Sleep(time.Millisecond)
		}
		s.later(srt.Control(packet.CTRLTYPE_SHUTDOWN, 0, 0, nil))
		got := 0
		for {
			if _, _, err := s.conn.Next(); err != nil {
				break
			}
			got++
		}
		if got != packets {
			t.Errorf("IG6 %d packets of %d came", got, packets)
		}
	})
}

// TestAReaderThatDoesNotRead fills all that waits for it.
func TestAReaderThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sender{}
		stop := connect(s, 20*time.Millisecond)
		defer stop()
		const packets = srt.MaxHeld + 2000
		for n := range uint32(packets) {
			s.conn.Push(srt.Data(n, s.clock(), false, 0, numbered(n)))
			if n%500 == 0 {
				time.Sleep(20 * time.Millisecond)
			}
		}
		s.later(srt.Control(packet.CTRLTYPE_SHUTDOWN, 0, 0, nil))
		time.Sleep(100 * time.Millisecond)
		got := 0
		for {
			payload, _, err := s.conn.Next()
			if err != nil {
				break
			}
			if n := binary.BigEndian.Uint32(payload); n != uint32(got) {
				t.Fatalf("IG36 packet %d, want %d", n, got)
			}
			got++
		}
		if got < srt.MaxHeld || got >= packets {
			t.Errorf("IG36 %d packets waited, want about %d", got, srt.MaxHeld)
		}
	})
}

func TestAPanicEndsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		conn := srt.Connect(0, 0, nil, "", func([]byte) { panic("send") })
		var wg sync.WaitGroup
		wg.Go(func() { conn.Run(func(any) error { return broken }) })
		defer wg.Wait()
		if _, _, err := conn.Next(); !errors.Is(err, broken) {
			t.Errorf("IG19 err = %v", err)
		}
	})
}

// keys makes key material as a caller does.
func keys(t *testing.T, c crypto.Crypto, secret string, which packet.PacketEncryption) *packet.CIFKeyMaterialExtension {
	t.Helper()
	km := new(packet.CIFKeyMaterialExtension)
	if err := c.MarshalKM(km, secret, which); err != nil {
		t.Fatal(err)
	}
	return km
}

func TestEncryptedPackets(t *testing.T) {
	const secret = "correct horse battery"
	for _, size := range []int{16, 24, 32} {
		t.Run(fmt.Sprintf("IG50 AES-%d, and keys that change", size*8), func(t *testing.T) {
			theirs, err := crypto.New(size)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) { testEncrypted(t, theirs, secret, size*8) })
		})
	}
}

func testEncrypted(t *testing.T, theirs crypto.Crypto, secret string, bits int) {
	var answers [][]byte
	km := keys(t, theirs, secret, packet.EvenKeyEncrypted)
	conn := srt.Connect(0, 50*time.Millisecond, km, secret, func(d []byte) { answers = append(answers, d) })
	var wg sync.WaitGroup
	wg.Go(func() { conn.Run(func(p any) error { return fmt.Errorf("panic: %v", p) }) })
	encrypted := func(seq uint32, which packet.PacketEncryption) {
		body := bytes.Repeat([]byte{byte(seq)}, 1316)
		if err := theirs.EncryptOrDecryptPayload(body, which, seq); err != nil {
			t.Fatal(err)
		}
		conn.Push(srt.Data(seq, seq*1000, false, which, body))
	}
	encrypted(0, packet.EvenKeyEncrypted)
	conn.Push(srt.Data(1, 1000, false, packet.UnencryptedPacket, bytes.Repeat([]byte{1}, 1316)))
	var body bytes.Buffer
	next := keys(t, theirs, secret, packet.OddKeyEncrypted)
	_ = next.Marshal(&body)
	conn.Push(srt.Control(packet.CTRLTYPE_USER, packet.EXTTYPE_KMREQ, 0, body.Bytes()))
	for n := range 10 { // key material that makes no sense
		conn.Push(srt.Control(packet.CTRLTYPE_USER, packet.EXTTYPE_KMREQ, 0, body.Bytes()[:n*5]))
	}
	encrypted(2, packet.OddKeyEncrypted)
	for _, want := range []byte{0, 2} {
		payload, _, err := conn.Next()
		if err != nil || !bytes.Equal(payload, bytes.Repeat([]byte{want}, 1316)) {
			t.Fatalf("payload %d is not what was encrypted (%v)", want, err)
		}
	}
	if link := conn.Link(); link.Encryption != fmt.Sprintf("AES-%d", bits) {
		t.Errorf("encryption = %q", link.Encryption)
	}
	conn.Close()
	wg.Wait()
	confirmed := 0
	for _, a := range answers {
		if bytes.HasSuffix(a, body.Bytes()) {
			confirmed++
		}
	}
	if confirmed != 1 {
		t.Errorf("new keys were confirmed %d times, want once", confirmed)
	}
}

func TestAnEncryptedPacketOnAnOpenConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sender{}
		stop := connect(s, 20*time.Millisecond)
		defer stop()
		s.conn.Push(srt.Data(0, 0, false, packet.EvenKeyEncrypted, numbered(0)))
		s.conn.Push(srt.Data(1, 0, false, packet.UnencryptedPacket, numbered(1)))
		if payload, _, err := s.conn.Next(); err != nil || binary.BigEndian.Uint32(payload) != 1 {
			t.Errorf("IG50 got %v, %v; want the one that is readable", payload, err)
		}
	})
}

// FuzzDatagrams sends a connection anything.
func FuzzDatagrams(f *testing.F) {
	f.Add(srt.Data(0, 0, false, 0, []byte("media")), srt.Data(1<<30, 1<<31, true, 3, nil))
	f.Add(srt.Control(packet.CTRLTYPE_ACKACK, 0, 1, nil), srt.Control(packet.CRTLTYPE_DROPREQ, 0, 0, make([]byte, 8)))
	f.Add(srt.Control(packet.CTRLTYPE_USER, packet.EXTTYPE_KMREQ, 0, make([]byte, 48)), srt.Control(packet.CTRLTYPE_KEEPALIVE, 0, 0, nil))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		synctest.Test(t, func(t *testing.T) {
			s := &sender{}
			stop := connect(s, 20*time.Millisecond)
			for range 3 {
				s.conn.Push(first)
				s.conn.Push(second)
				time.Sleep(15 * time.Millisecond)
			}
			s.conn.Push(srt.Data(9, 0, false, 0, []byte("media")))
			time.Sleep(200 * time.Millisecond)
			stop()
			for {
				_, _, err := s.conn.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		})
	})
}
