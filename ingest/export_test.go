package ingest

// IsSilent is tested with what real encoders write.
var IsSilent = isSilent
