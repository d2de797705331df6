package admission_test

import (
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/cuelight/cuelight/interact/admission"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
)

func TestDevices(t *testing.T) {
	r := rigged(t, admission.Rules{})
	first := r.enter(wire.Hello{})
	if first.Grade != wire.GradeDevice || first.Participant == "" || first.Token == "" {
		t.Fatalf("AD1 a new device is %+v", first)
	}
	if again := r.enter(wire.Hello{Token: first.Token}); again != first {
		t.Errorf("AD1 the same token is %+v, was %+v", again, first)
	}
	if other := r.enter(wire.Hello{}); other.Participant == first.Participant {
		t.Error("AD1 two devices are one participant")
	}
	if ticket := r.enter(wire.Hello{Token: first.Token + "x"}); ticket.Participant == first.Participant {
		t.Error("AD1 a token that was changed is believed")
	}
	if ticket, err := r.desk.Admit(wire.Hello{Token: first.Token}, "another", noon); err != nil || ticket != first {
		t.Errorf("AD1 in a channel without rules it is %+v, %v", ticket, err)
	}
}

func TestDeviceTokensAreRenewed(t *testing.T) {
	r := rigged(t, admission.Rules{})
	first := r.enter(wire.Hello{})
	for _, tc := range []struct {
		after time.Duration
		same  bool
	}{{14 * 24 * time.Hour, true}, {16 * 24 * time.Hour, false}} {
		later, err := r.desk.Admit(wire.Hello{Token: first.Token}, "show", noon.Add(tc.after))
		if err != nil || later.Participant != first.Participant {
			t.Fatalf("AD1 after %v: %+v, %v", tc.after, later, err)
		}
		if (later.Token == first.Token) != tc.same {
			t.Errorf("AD1 after %v: the same token: %v, want %v", tc.after, !tc.same, tc.same)
		}
	}
	if late, err := r.desk.Admit(wire.Hello{Token: first.Token}, "show", noon.Add(31*24*time.Hour)); err != nil || late.Participant == first.Participant {
		t.Errorf("AD1 after its end: %+v, %v", late, err)
	}
}

func TestTokensOfOthers(t *testing.T) {
	r := rigged(t, admission.Rules{})
	mint := func(c token.Claims) string {
		c.Expires = noon.Add(24 * time.Hour)
		tok, err := r.keys.Mint(c, noon)
		if err != nil {
			t.Fatal(err)
		}
		return tok
	}
	given := mint(token.Claims{Role: token.RoleViewer, Subject: "ann", Channels: []string{"show"}})
	if ticket := r.enter(wire.Hello{Token: given}); ticket.Participant != "ann" || ticket.Grade != wire.GradeDevice {
		t.Errorf("AD1 a token given out by the operator is %+v", ticket)
	}
	_, err := r.desk.Admit(wire.Hello{Token: mint(token.Claims{Role: token.RoleViewer, Subject: "ann", Channels: []string{"other"}})}, "show", noon)
	if got := code(t, err); got != wire.CloseDenied {
		t.Errorf("AD1 a token for another channel: %d", got)
	}
	if ticket := r.enter(wire.Hello{Token: mint(token.Claims{Role: token.RoleProducer, Subject: "boss"})}); ticket.Participant == "boss" {
		t.Error("AD1 a producer takes part")
	}
}

// A grade is what was earned on this channel, and not what a token says.
func TestGradesAreEarnedHere(t *testing.T) {
	r := rigged(t, admission.Rules{Require: wire.GradePIN, PIN: "4711"})
	for name, c := range map[string]token.Claims{
		"a grade without a proof":   {Grade: wire.GradeAccount},
		"an account nobody takes":   {Grade: wire.GradeAccount, Proof: "show/xyz"},
		"another channel's link":    {Grade: wire.GradeLink, Proof: "other/xyz"},
		"a PIN that is none":        {Grade: wire.GradePIN, Proof: "show/4711"},
		"a grade that nobody knows": {Grade: "royal", Proof: "show/xyz"},
		"an empty link":             {Grade: wire.GradeLink, Proof: "show/"},
	} {
		c.Role, c.Subject, c.Expires = token.RoleViewer, "ann", noon.Add(24*time.Hour)
		tok, err := r.keys.Mint(c, noon)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.desk.Admit(wire.Hello{Token: tok}, "show", noon); code(t, err) != wire.ClosePIN {
			t.Errorf("AD2 %s: %v", name, err)
		}
	}
}

func TestRequirements(t *testing.T) {
	s := newSite(t)
	account := s.withSecret()
	signedIn := sign(t, jwt.SigningMethodHS256, s.secret, claims(), nil)
	for _, tc := range []struct {
		require                    string
		device, pin, link, account wire.CloseCode // 0: let in
	}{
		{"", 0, 0, 0, 0},
		{wire.GradeDevice, 0, 0, 0, 0},
		{wire.GradePIN, wire.ClosePIN, 0, 0, 0},
		{wire.GradeLink, wire.CloseLink, wire.CloseLink, 0, 0},
		{wire.GradeAccount, wire.CloseDenied, wire.CloseDenied, wire.CloseDenied, 0},
	} {
		r := rigged(t, admission.Rules{Require: tc.require, PIN: "4711", Account: &account})
		links, err := r.desk.Links("show", 1, noon.Add(time.Hour), noon)
		if err != nil {
			t.Fatal(err)
		}
		for grade, c := range map[string]struct {
			hello wire.Hello
			want  wire.CloseCode
		}{
			wire.GradeDevice:  {wire.Hello{}, tc.device},
			wire.GradePIN:     {wire.Hello{PIN: "4711"}, tc.pin},
			wire.GradeLink:    {wire.Hello{Link: links[0]}, tc.link},
			wire.GradeAccount: {wire.Hello{Token: signedIn}, tc.account},
		} {
			ticket, err := r.desk.Admit(c.hello, "show", noon)
			if got := code(t, err); got != c.want {
				t.Errorf("AD2 %q required, %s offered: %d, want %d", tc.require, grade, got, c.want)
			}
			if err == nil && ticket.Grade != grade {
				t.Errorf("AD2 %q required, %s offered: the grade is %s", tc.require, grade, ticket.Grade)
			}
		}
	}
}

func TestPIN(t *testing.T) {
	r := rigged(t, admission.Rules{Require: wire.GradePIN, PIN: "Sesame-4711"})
	for _, pin := range []string{"Sesame-4712", "sesame-4711", "Sesame-471", "Sesame-47111", " Sesame-4711", strings.Repeat("9", 4000), "\x00"} {
		if _, err := r.desk.Admit(wire.Hello{PIN: pin}, "show", noon); code(t, err) != wire.ClosePIN {
			t.Errorf("AD3 %.20q: %v", pin, err)
		}
	}
	ticket := r.enter(wire.Hello{PIN: "Sesame-4711"})
	if again := r.enter(wire.Hello{Token: ticket.Token}); again != ticket {
		t.Errorf("AD3 it is asked for twice: %+v", again)
	}
	if again := r.enter(wire.Hello{Token: ticket.Token, PIN: "long forgotten"}); again != ticket {
		t.Errorf("AD3 a PIN nobody needs does harm: %+v", again)
	}
	if strings.Contains(ticket.Token, "Sesame") || strings.Contains(ticket.Token, b64([]byte("Sesame"))) {
		t.Error("AD8 the token shows the PIN")
	}
	r.desk = r.open(admission.Rules{Require: wire.GradePIN, PIN: "another-one"})
	if _, err := r.desk.Admit(wire.Hello{Token: ticket.Token}, "show", noon); code(t, err) != wire.ClosePIN {
		t.Errorf("AD3 after the PIN was changed: %v", err)
	}
	if again := r.enter(wire.Hello{Token: ticket.Token, PIN: "another-one"}); again.Participant != ticket.Participant {
		t.Error("AD3 whoever types the new PIN is somebody else")
	}
}

// A viewer who was a device keeps its answers when it types the PIN.
func TestPINKeepsTheParticipant(t *testing.T) {
	r := rigged(t, admission.Rules{PIN: "4711"})
	device := r.enter(wire.Hello{})
	raised := r.enter(wire.Hello{Token: device.Token, PIN: "4711"})
	if raised.Participant != device.Participant || raised.Grade != wire.GradePIN || raised.Token == device.Token {
		t.Errorf("AD3 %+v became %+v", device, raised)
	}
	if _, err := r.desk.Admit(wire.Hello{PIN: "4712"}, "show", noon); code(t, err) != wire.ClosePIN {
		t.Errorf("AD3 a wrong PIN where none is required: %v", err)
	}
	r.desk = r.open(admission.Rules{})
	if ticket := r.enter(wire.Hello{Token: raised.Token, PIN: "4711"}); ticket.Grade != wire.GradeDevice {
		t.Errorf("AD3 without a PIN the grade is %s", ticket.Grade)
	}
}

func TestIdentify(t *testing.T) {
	s := newSite(t)
	account := s.withSecret()
	r := rigged(t, admission.Rules{Account: &account})
	device := r.enter(wire.Hello{})
	if got, err := r.desk.Identify(device.Token, "show", noon); err != nil || got != device {
		t.Errorf("AD9 the holder of %+v is %+v, %v", device, got, err)
	}
	got, err := r.desk.Identify(sign(t, jwt.SigningMethodHS256, s.secret, claims(), nil), "show", noon)
	if err != nil || got.Grade != wire.GradeAccount {
		t.Errorf("AD9 somebody signed in is %+v, %v", got, err)
	}
	for name, tok := range map[string]string{"no token": "", "no token of ours": "abc", "a sign-in of another site": sign(t, jwt.SigningMethodHS256, s.secret, claims("iss", "https://elsewhere"), nil)} {
		if got, err := r.desk.Identify(tok, "show", noon); code(t, err) != wire.CloseDenied {
			t.Errorf("AD9 %s is %+v, %v", name, got, err)
		}
	}
	r.desk = r.open(admission.Rules{Require: wire.GradePIN, PIN: "4711"})
	if _, err := r.desk.Identify(device.Token, "show", noon); code(t, err) != wire.ClosePIN {
		t.Errorf("AD9 a grade that is too low: %v", err)
	}
}

// What a token is good for that anybody is given: to take part, not to see
// what is protected.
func TestMayPlay(t *testing.T) {
	s := newSite(t)
	account := s.withSecret()
	r := rigged(t, admission.Rules{PIN: "4711", Account: &account})
	given := func(channels ...string) string {
		tok, err := r.keys.Mint(token.Claims{Role: token.RoleViewer, Subject: "ann", Channels: channels, Expires: noon.Add(time.Hour)}, noon)
		if err != nil {
			t.Fatal(err)
		}
		return tok
	}
	raised := r.enter(wire.Hello{PIN: "4711"}).Token
	for name, tc := range map[string]struct {
		tok, channel string
		want         wire.CloseCode
	}{
		"a token that was given out":           {given("show"), "show", 0},
		"one for every channel":                {given(), "show", 0},
		"one that was given out and renewed":   {r.enter(wire.Hello{Token: given()}).Token, "show", 0},
		"one for another channel":              {given("other"), "show", wire.CloseDenied},
		"an anonymous viewer's":                {r.enter(wire.Hello{}).Token, "show", wire.CloseDenied},
		"one whose bearer knew the PIN":        {raised, "show", 0},
		"the same, on a channel without a PIN": {raised, "other", wire.CloseDenied},
		"somebody signed in":                   {sign(t, jwt.SigningMethodHS256, s.secret, claims(), nil), "show", 0},
		"somebody whose sign-in is over":       {sign(t, jwt.SigningMethodHS256, s.secret, claims("exp", 1), nil), "show", wire.CloseDenied},
		"none":                                 {"", "show", wire.CloseDenied},
		"none of ours":                         {"abc", "show", wire.CloseDenied},
	} {
		if got := code(t, r.desk.MayPlay(tc.tok, tc.channel, noon)); got != tc.want {
			t.Errorf("AD12 %s: %d, want %d", name, got, tc.want)
		}
	}
	r.desk = r.open(admission.Rules{Require: wire.GradeLink})
	if got := code(t, r.desk.MayPlay(given("show"), "show", noon)); got != wire.CloseLink {
		t.Errorf("AD12 a grade that is too low: %d", got)
	}
}

func TestNewRefuses(t *testing.T) {
	s := newSite(t)
	good := s.withSecret()
	with := func(change func(*admission.Account)) admission.Rules {
		a := good
		change(&a)
		return admission.Rules{Account: &a}
	}
	public := s.file("key.pem", s.pem(s.ec.Public()))
	for name, tc := range map[string]struct {
		rules admission.Rules
		want  string
	}{
		"a grade nobody knows":         {admission.Rules{Require: "royal"}, "require: "},
		"a short PIN":                  {admission.Rules{PIN: "123"}, "pin: "},
		"a long PIN":                   {admission.Rules{PIN: strings.Repeat("1", 33)}, "pin: "},
		"a PIN with spaces":            {admission.Rules{PIN: "47 11"}, "pin: "},
		"a PIN that is missing":        {admission.Rules{Require: "pin"}, "pin: "},
		"accounts of nobody":           {admission.Rules{Require: "account"}, "jwt: "},
		"no key":                       {with(func(a *admission.Account) { a.SecretFile = "" }), "jwt.secret_file"},
		"two keys":                     {with(func(a *admission.Account) { a.KeyFile = public }), "jwt.secret_file"},
		"a file that is not there":     {with(func(a *admission.Account) { a.SecretFile = "/nowhere" }), "jwt.secret_file: "},
		"a public key as a secret":     {with(func(a *admission.Account) { a.SecretFile, a.KeyFile, a.Algorithms = "", public, []string{"HS256"} }), "jwt.algorithms: HS256"},
		"a secret as a public key":     {with(func(a *admission.Account) { a.Algorithms = []string{"RS256"} }), "jwt.algorithms: RS256"},
		"none":                         {with(func(a *admission.Account) { a.Algorithms = []string{"none"} }), "jwt.algorithms: "},
		"no issuer":                    {with(func(a *admission.Account) { a.Issuer = "" }), "jwt.issuer: "},
		"this server's issuer":         {with(func(a *admission.Account) { a.Issuer = "cuelight" }), "jwt.issuer: "},
		"no audience":                  {with(func(a *admission.Account) { a.Audience = "" }), "jwt.audience: "},
		"a session of a blink":         {with(func(a *admission.Account) { a.Session = time.Second }), "jwt.session: "},
		"a session without an end":     {with(func(a *admission.Account) { a.Session = 9000 * time.Hour }), "jwt.session: "},
		"several at once, one":         {admission.Rules{Require: "royal", PIN: "1"}, "require: "},
		"several at once, and another": {admission.Rules{Require: "royal", PIN: "1"}, "pin: "},
	} {
		keys, err := token.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		_, err = admission.New(admission.Config{Keys: keys, Channels: map[string]admission.Rules{"show": tc.rules}})
		if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "channel show") {
			t.Errorf("AD10 %s: %v, want %q", name, err, tc.want)
		}
	}
	if _, err := admission.New(admission.Config{}); err == nil {
		t.Error("AD10 a desk without keys")
	}
}
