/*
 * Puts the other make of a tree in memory into a program that has one already: all its functions, and those of the
 * model that plays with it, have other names. The compiler is told to include this first.
 */
#pragma once

#define model_compare flat_model_compare
#define model_end flat_model_end
#define model_init flat_model_init
#define model_step flat_model_step
#define ram_child flat_ram_child
#define ram_claim_run flat_ram_claim_run
#define ram_create flat_ram_create
#define ram_export flat_ram_export
#define ram_export_pages flat_ram_export_pages
#define ram_file_node flat_ram_file_node
#define ram_file_number flat_ram_file_number
#define ram_find flat_ram_find
#define ram_find_run flat_ram_find_run
#define ram_give_run flat_ram_give_run
#define ram_hold flat_ram_hold
#define ram_import flat_ram_import
#define ram_init flat_ram_init
#define ram_page_is_used flat_ram_page_is_used
#define ram_pages_init flat_ram_pages_init
#define ram_put_node flat_ram_put_node
#define ram_put_page flat_ram_put_page
#define ram_read flat_ram_read
#define ram_release flat_ram_release
#define ram_remove flat_ram_remove
#define ram_rename flat_ram_rename
#define ram_stat flat_ram_stat
#define ram_take_page flat_ram_take_page
#define ram_take_run flat_ram_take_run
#define ram_truncate flat_ram_truncate
#define ram_write flat_ram_write
#define side_of_make flat_side
