package rtsp

import (
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/cuelight/cuelight/ingest"
)

// maxDatagram is more than any network carries in one piece.
const maxDatagram = 2048

// openTransport answers a Transport header. Spec: RFC 2326 §12.39.
func (c *conn) openTransport(t *track, header string) (string, error) {
	for offer := range strings.SplitSeq(header, ",") {
		fields := strings.Split(strings.TrimSpace(offer), ";")
		switch {
		case fields[0] == "RTP/AVP/TCP":
			return fmt.Sprintf("RTP/AVP/TCP;unicast;interleaved=%d-%d", 2*t.index, 2*t.index+1), nil
		case fields[0] == "RTP/AVP" || fields[0] == "RTP/AVP/UDP":
			if strings.Contains(offer, "multicast") {
				continue
			}
			return c.openUDP(t, fields)
		}
	}
	return "", ingest.Errorf(ingest.CodeMalformed, "no transport that fits: use RTP over TCP or UDP unicast")
}

// openUDP opens a pair of ports for one track: RTP, and RTCP one above.
func (c *conn) openUDP(t *track, fields []string) (string, error) {
	if t.ready {
		return "", ingest.Errorf(ingest.CodeMalformed, "SETUP of one track twice")
	}
	local, _, err := net.SplitHostPort(c.nc.LocalAddr().String())
	if err != nil {
		return "", err
	}
	rtp, rtcp, err := listenPair(local)
	if err != nil {
		return "", err
	}
	c.sockets = append(c.sockets, rtp, rtcp)
	c.wg.Go(func() { c.readUDP(rtp, t.index, false) })
	c.wg.Go(func() { c.readUDP(rtcp, t.index, true) })
	t.order = new(reorder)
	port := rtp.LocalAddr().(*net.UDPAddr).Port
	answer := fmt.Sprintf("RTP/AVP;unicast;server_port=%d-%d", port, port+1)
	for _, f := range fields {
		if strings.HasPrefix(f, "client_port=") && !strings.ContainsAny(f, "\r\n") {
			answer += ";" + f
		}
	}
	return answer, nil
}

// pairTries is how often to look for two free ports in a row.
const pairTries = 32

func listenPair(host string) (rtp, rtcp *net.UDPConn, err error) {
	addr := &net.UDPAddr{IP: net.ParseIP(host)}
	for range pairTries {
		if rtp, err = net.ListenUDP("udp", addr); err != nil {
			return nil, nil, fmt.Errorf("open a port for RTP: %w", err)
		}
		port := rtp.LocalAddr().(*net.UDPAddr).Port
		rtcp, err = net.ListenUDP("udp", &net.UDPAddr{IP: addr.IP, Port: port + 1})
		if err == nil && port%2 == 0 {
			return rtp, rtcp, nil
		}
		rtp.Close()
		if err == nil {
			rtcp.Close()
		}
	}
	return nil, nil, fmt.Errorf("open two ports in a row for RTP and RTCP: %w", net.ErrClosed)
}

// readUDP reads one track's packets, from the publisher's address only.
func (c *conn) readUDP(socket *net.UDPConn, index int, control bool) {
	from := c.nc.RemoteAddr().(*net.TCPAddr).IP
	buf := make([]byte, maxDatagram)
	for {
		n, addr, err := socket.ReadFromUDP(buf)
		if err != nil {
			return
		}
		if !addr.IP.Equal(from) {
			continue
		}
		p := packet{track: index, control: control, data: append([]byte(nil), buf[:n]...), arrival: time.Now()}
		if !c.queue(message{packet: p, size: n}) {
			return
		}
	}
}

// hasSuffixPath reports whether address ends with /control.
func hasSuffixPath(address, control string) bool { return strings.HasSuffix(address, "/"+control) }
