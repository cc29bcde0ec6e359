package images

import "github.com/dekcd/dmcloud/components/app"

// research are platforms for research data, and what they are made of.
func research() []Facts {
	const dspace = github + "DSpace/"
	ckan := entry("ckan/ckan-base", "2.11.0", 503, 502, 5000).named("ckan").web("/var/lib/ckan").
		from(github + "ckan/ckan-docker-base/blob/main/ckan-2.11/Dockerfile")
	wizard := entry("datastewardshipwizard/wizard-server", "4.10.0", 10000, 10001, 3000).named("user").web().
		from(github + "ds-wizard/engine-backend/blob/develop/wizard-server/Dockerfile")
	return []Facts{
		// It compiles assets and writes its settings when it starts, so its root must stay writable.
		entry("fairdom/seek", "1.18.1", wwwData, wwwData, 3000).named("www-data").web("/seek/filestore").
			from(github + "seek4science/seek/blob/main/Dockerfile"),
		// Before 2.11 there were images that start as root.
		ckan.only("^2.11", "^2.12", "^latest"),
		entry("gdcc/dataverse", "", 1000, 1000, 8080, 4848).named("payara").web("/dv").writable("/dumps").
			from(github + "IQSS/dataverse/blob/develop/modules/container-base/src/main/docker/Dockerfile"),
		entry("gdcc/base", "", 1000, 1000, 8080, 4848).named("payara").web("/dv").writable("/dumps").
			from(github + "IQSS/dataverse/blob/develop/modules/container-base/src/main/docker/Dockerfile"),
		entry("gdcc/configbaker", "", someone, someone).any().role(app.RoleTask).env(home()).
			from(github + "IQSS/dataverse/blob/develop/modules/container-configbaker/Dockerfile"),
		entry("openmicroscopy/omero-server", "5.6.3", 1000, 1000, 4064, 4063).named("omero-server").data("/OMERO").
			single(oneWriter).from(github + "ome/omero-server-docker/blob/master/playbook.yml"),
		// Of DSpace's interface only the images with a finished build work without root.
		entry("dspace/dspace-angular", "", 1000, 1000, 4000).named("node").only("dist").web().
			from(dspace + "dspace-angular/blob/main/Dockerfile.dist"),
		entry("dspace/dspace", "", someone, someone, 8080).any().web("/dspace/assetstore").
			writable("/dspace/log", "/dspace/upload", "/dspace/var").from(dspace + "DSpace/blob/main/Dockerfile"),
		wizard,
		entry("fairdata/fairdatapoint", "1.16.0", someone, someone, 8080).any().web().
			from(github + "FAIRDataTeam/FAIRDataPoint/blob/develop/Dockerfile"),
		entry("geonetwork", "4.2.8", 999, 999, 8080).named("jetty").only("^4").web("/catalogue-data").
			single(oneWriter).from(github + "geonetwork/docker-geonetwork/blob/main/4.2.8/Dockerfile"),
		entry("hapiproject/hapi", "v7.4.0", nonroot, nonroot, 8080).any().web().
			from(github + "hapifhir/hapi-fhir-jpaserver-starter/blob/master/Dockerfile"),
		entry("samply/blaze", "", 1001, 1001, 8080).any().database(oneServer, "/app/data").
			from(github + "samply/blaze/blob/master/Dockerfile"),
	}
}
