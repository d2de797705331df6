package wire

// The ways of reading that the codecs choose between, for tests that compare
// them.
var (
	ReadJSONClient = decodeClient
	ReadJSONServer = decodeServer
	ScanAnswer     = scanAnswer
	ScanReceipt    = scanReceipt
	UnpackAnswer   = unpackAnswer
	UnpackReceipt  = unpackReceipt
)

// ReadMsgpackClient reads MessagePack without the short way for answers.
func ReadMsgpackClient(data []byte) (Message, error) {
	text, err := unpack(data)
	if err != nil {
		return nil, err
	}
	return decodeClient(text)
}

// ReadMsgpackServer reads MessagePack without the short way for receipts.
func ReadMsgpackServer(data []byte) (Message, error) {
	text, err := unpack(data)
	if err != nil {
		return nil, err
	}
	return decodeServer(text)
}
