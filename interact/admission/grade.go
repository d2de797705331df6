package admission

import (
	"slices"

	"github.com/cuelight/cuelight/interact/wire"
)

// Grades are the grades of identity, weakest first.
var grades = []string{wire.GradeDevice, wire.GradePIN, wire.GradeLink, wire.GradeAccount}

// atLeast says whether a grade is as strong as another. What is no grade is
// weaker than all.
func atLeast(grade, required string) bool {
	return slices.Index(grades, grade) >= slices.Index(grades, required)
}

// needed is what somebody is told who has less than the grade.
func needed(grade string) *Refusal {
	switch grade {
	case wire.GradePIN:
		return errNeedsPIN
	case wire.GradeLink:
		return errNeedsLink
	default:
		return errNeedsAccount
	}
}
