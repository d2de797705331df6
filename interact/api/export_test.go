package api

import "slices"

// Routes lists every route as "METHOD path".
func Routes() []string {
	var all []string
	for _, rt := range slices.Concat(routes, viewerRoutes) {
		all = append(all, rt.method+" "+root+rt.path)
	}
	for _, path := range streamRoutes {
		all = append(all, "POST "+root+path)
	}
	return all
}
