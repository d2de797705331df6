package rtsp

import (
	"fmt"
	"net"
)

// portPair is where datagrams come to: RTP on an even port, RTCP one above.
type portPair struct{ rtp, rtcp *net.UDPConn }

// pairTries is how often to look for two free ports in a row.
const pairTries = 64

// listenPair opens two free ports on the address of a TCP listener.
func listenPair(beside net.Addr) (portPair, error) {
	at := &net.UDPAddr{}
	if tcp, ok := beside.(*net.TCPAddr); ok {
		at.IP, at.Zone = tcp.IP, tcp.Zone
	}
	for range pairTries {
		p, ok, err := tryPair(*at)
		if err != nil {
			return portPair{}, fmt.Errorf("open a port for RTP over UDP: %w", err)
		}
		if ok {
			return p, nil
		}
	}
	return portPair{}, fmt.Errorf("open two ports in a row for RTP over UDP: none found in %d tries", pairTries)
}

// tryPair reports false when the system's choice has no free neighbour.
func tryPair(at net.UDPAddr) (p portPair, ok bool, err error) {
	first, err := net.ListenUDP("udp", &at)
	if err != nil {
		return portPair{}, false, err
	}
	port := first.LocalAddr().(*net.UDPAddr).Port
	at.Port = port ^ 1
	second, err := net.ListenUDP("udp", &at)
	if err != nil {
		first.Close()
		return portPair{}, false, nil
	}
	if port%2 == 0 {
		return portPair{first, second}, true, nil
	}
	return portPair{second, first}, true, nil
}

// listen hands the open port out whose address is asked for.
func (p portPair) listen(_, address string) (net.PacketConn, error) {
	if address == p.rtp.LocalAddr().String() {
		return p.rtp, nil
	}
	return p.rtcp, nil
}

func (p portPair) close() {
	p.rtp.Close()
	p.rtcp.Close()
}
