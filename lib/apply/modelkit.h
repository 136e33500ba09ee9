/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of the model of the kernel (model.h) share. */
#ifndef LIB_APPLY_MODELKIT_H
#define LIB_APPLY_MODELKIT_H

#include "base/arena.h"
#include "lib/context.h"

struct pp_model {
	struct pp_context *context;
	struct pp_tree *tree;
	struct pp_arena *arena;
};

struct pp_model_function {
	const char *address;
	const char *path; /* in the tree, without links: "/sys/devices/pci0000:00/0000:00:1a.7" */
	const char *modalias, *driver, *override; /* NULL: none */
};

int pp_model_function(
	struct pp_model *model, const char *address, struct pp_model_function *ret_function);
/* The lines of a driver's file, and those of them that begin with WORD and a blank, one a call. */
char *pp_model_rules(struct pp_model *model, const char *driver);
const char *pp_model_rule(char **cursor, const char *word);

/* A path of the file system for one of the tree; links in it have been followed inside the tree. */
char *pp_model_outside(struct pp_model *model, const char *path);
int pp_model_folder(struct pp_model *model, const char *parent, const char *name);
/* FOLDER and TO in the tree, without links. */
int pp_model_link(struct pp_model *model, const char *folder, const char *name, const char *to);
int pp_model_unlink(struct pp_model *model, const char *folder, const char *name);

int pp_model_unbind(struct pp_model *model, const char *driver, struct pp_model_function *function);
int pp_model_probe(struct pp_model *model, struct pp_model_function *function);

/* modelvfs.c: writes to the files of SR-IOV. */
int pp_model_numvfs(struct pp_model *model, const struct pp_model_function *pf, const char *text);
int pp_model_autoprobe(
	struct pp_model *model, const struct pp_model_function *pf, const char *text);
/* pci_device_can_probe(): whether drivers may take it, a virtual function or not. */
bool pp_model_can_probe(struct pp_model *model, const struct pp_model_function *function);

#endif
