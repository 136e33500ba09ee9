/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One line a verb, in the order of help; included where VERB means something. */
#ifdef CLI_WITH_NODES
VERB(nodedev_list)
VERB(nodedev_dumpxml)
#endif
VERB(nodedev_info)
VERB(nodedev_check)
VERB(iommugroup_list)
VERB(nodedev_detach)
VERB(nodedev_reattach)
VERB(nodedev_reset)
VERB(recover)
#ifdef CLI_WITH_GUESTS
VERB(define)
VERB(undefine)
VERB(edit)
VERB(dumpxml)
VERB(list)
VERB(dominfo)
VERB(domstate)
VERB(domcheck)
VERB(start)
VERB(shutdown)
VERB(destroy)
VERB(console)
VERB(domxml_to_native)
#endif
VERB(host_validate)
VERB(explain)
VERB(libvirt_hook)
VERB(host_dump)
VERB(help)
