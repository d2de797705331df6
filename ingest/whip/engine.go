package whip

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/webrtc/v4"
)

const (
	// absCaptureTime tells when a frame was captured.
	absCaptureTime = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"

	// A publisher that falls silent has gone after 9 s.
	iceDisconnected = 4 * time.Second
	iceFailed       = 5 * time.Second
	iceKeepalive    = time.Second

	stunWait = time.Second
	// nackEvery is how soon a missing packet is asked for, and again.
	nackEvery = 30 * time.Millisecond
	maxNacks  = 10
	mtu       = 1500
)

// connect makes the peer connection that fits the offer. Near says that the
// publisher is on this machine.
func (s *Server) connect(o *offer, near bool) (*webrtc.PeerConnection, error) {
	engine, registry := new(webrtc.MediaEngine), new(interceptor.Registry)
	if err := registerCodecs(engine, o); err != nil {
		return nil, err
	}
	err := webrtc.RegisterDefaultInterceptorsWithOptions(engine, registry,
		webrtc.WithInterceptorLoggerFactory(loggers{s.log}),
		webrtc.WithNackGeneratorOptions(nack.GeneratorInterval(nackEvery), nack.GeneratorMaxNacksPerPacket(maxNacks)))
	if err != nil {
		return nil, fmt.Errorf("register interceptors: %w", err)
	}
	settings, err := s.settings(near)
	if err != nil {
		return nil, err
	}
	api := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(settings))
	pc, err := api.NewPeerConnection(webrtc.Configuration{ICEServers: s.cfg.iceServers()})
	if err != nil {
		return nil, fmt.Errorf("make a peer connection: %w", err)
	}
	return pc, nil
}

// registerCodecs takes the offer's own formats, so that none is lost for a
// detail of its parameters.
func registerCodecs(engine *webrtc.MediaEngine, o *offer) error {
	for _, s := range o.sections {
		for _, c := range append([]webrtc.RTPCodecParameters{s.codec}, s.repair...) {
			if err := engine.RegisterCodec(c, s.kind); err != nil {
				return fmt.Errorf("register %s: %w", c.MimeType, err)
			}
		}
		capture := webrtc.RTPHeaderExtensionCapability{URI: absCaptureTime}
		if err := engine.RegisterHeaderExtension(capture, s.kind); err != nil {
			return fmt.Errorf("register abs-capture-time: %w", err)
		}
	}
	return nil
}

func (s *Server) settings(near bool) (webrtc.SettingEngine, error) {
	var e webrtc.SettingEngine
	e.LoggerFactory = loggers{s.log}
	e.SetICEUDPMux(s.mux)
	e.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	e.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	e.SetICETimeouts(iceDisconnected, iceFailed, iceKeepalive)
	e.SetSTUNGatherTimeout(stunWait)
	e.SetReceiveMTU(mtu)
	e.DisableActiveTCP(true)
	e.SetIncludeLoopbackCandidate(near)
	e.SetRemoteIPFilter(func(ip net.IP) bool { return reachable(ip, near) })
	if len(s.cfg.PublicAddresses) > 0 {
		err := e.SetICEAddressRewriteRules(webrtc.ICEAddressRewriteRule{
			External:        s.cfg.PublicAddresses,
			AsCandidateType: webrtc.ICECandidateTypeHost,
			Mode:            webrtc.ICEAddressRewriteReplace,
		})
		if err != nil {
			return e, fmt.Errorf("announce the public addresses: %w", err)
		}
	}
	return e, nil
}

// reachable reports whether checks may be sent to a candidate's address.
func reachable(ip net.IP, near bool) bool {
	a, ok := netip.AddrFromSlice(ip)
	a = a.Unmap()
	return ok && !a.IsUnspecified() && !a.IsMulticast() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255}) &&
		(near || !a.IsLoopback())
}

// isNear reports whether an HTTP request comes from this machine.
func isNear(remote string) bool {
	a, err := netip.ParseAddrPort(remote)
	return err == nil && a.Addr().Unmap().IsLoopback()
}
