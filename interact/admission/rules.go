package admission

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cuelight/cuelight/interact/wire"
)

// MinPIN is the length of the shortest PIN. The longest is wire.MaxPIN. Bytes.
const MinPIN = 4

// Rules say who may take part in a channel. The zero value lets everybody in.
type Rules struct {
	// Require is the weakest grade that is let in: one of the grades of wire.
	// Default wire.GradeDevice.
	Require string
	// PIN is what viewers type. Printable ASCII without spaces, MinPIN to
	// wire.MaxPIN bytes; empty means that there is none.
	PIN string
	// Account says whose sign-ins count. Nil means nobody's.
	Account *Account
}

// Validate reports everything that is wrong with r, each problem under its
// setting's name. It reads no file and quotes no PIN.
func (r Rules) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if r.Require != "" && !slices.Contains(grades, r.Require) {
		bad("require: %.20q is none of %s", r.Require, strings.Join(grades, ", "))
	}
	if r.PIN != "" && (len(r.PIN) < MinPIN || !printable(r.PIN, wire.MaxPIN)) {
		bad("pin: give %d to %d letters, digits or signs, no spaces", MinPIN, wire.MaxPIN)
	}
	if r.Require == wire.GradePIN && r.PIN == "" {
		bad("pin: require: pin needs one")
	}
	if r.Require == wire.GradeAccount && r.Account == nil {
		bad("jwt: require: account needs it")
	}
	if r.Account != nil {
		if err := r.Account.Validate(); err != nil {
			bad("%w", err)
		}
	}
	return errors.Join(errs...)
}

// printable says whether s is 1 to limit bytes of ASCII without spaces.
func printable(s string, limit int) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) > 0 && len(s) <= limit
}
