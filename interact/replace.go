package interact

// ValidateReplace reports why no store would replace a channel's records up to
// upTo by records. The channel's last replacement was up to was, zero if there
// was none; last is the number of the store's last record.
//
// Errors: *Error with CodeInvalid.
func ValidateReplace(channel string, upTo uint64, records []Record, was, last uint64) error {
	switch {
	case channel == "":
		return Errorf(CodeInvalid, "replacement without channel")
	case upTo == 0 || upTo > last:
		return Errorf(CodeInvalid, "replacement up to record %d of a log that ends with %d", upTo, last)
	case upTo < was:
		return Errorf(CodeInvalid, "replacement up to record %d inside the one up to %d", upTo, was)
	case uint64(len(records)) > upTo:
		return Errorf(CodeInvalid, "%d records do not fit in the place of the first %d", len(records), upTo)
	}
	for _, r := range records {
		if r.Channel != channel {
			return Errorf(CodeInvalid, "replacement of channel %s holds a record of %s", channel, r.Channel)
		}
		if err := r.Validate(); err != nil {
			return err
		}
	}
	return nil
}
