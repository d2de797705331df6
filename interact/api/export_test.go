package api

// Routes lists every route as "METHOD path".
func Routes() []string {
	var all []string
	for _, rt := range routes {
		all = append(all, rt.method+" "+root+rt.path)
	}
	return all
}
