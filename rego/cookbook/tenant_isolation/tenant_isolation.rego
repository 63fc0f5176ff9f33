# METADATA
# title: Per-tenant isolation
# description: |
#   A target that belongs to a tenant is for that tenant's groups only. What belongs to nobody is for nobody, unless shared says otherwise.
package weir.rules.tenant_isolation

import data.weir.settings

deny contains sprintf("your groups do not belong to the tenant of %s (setting tenant_isolation.tenants)", [input.target.name]) if {
	owned
	not member
}

deny contains sprintf("%s belongs to no tenant (setting tenant_isolation.shared)", [input.target.name]) if {
	not owned
	not input.target.name in settings.tenant_isolation.shared
}

owned if input.target.tenant != ""

member if {
	some group in input.subject.groups
	group in settings.tenant_isolation.tenants[input.target.tenant]
}
