# SPDX-License-Identifier: BSD-3-Clause

# One page for each family of calls; tests/build/manual.sh holds them to the header.
family_pages = \
	%D%/iom_apertures.3 \
	%D%/iom_attach.3 \
	%D%/iom_buf_alloc.3 \
	%D%/iom_device_state.3 \
	%D%/iom_dma_map.3 \
	%D%/iom_domain_fds.3 \
	%D%/iom_errmsg.3 \
	%D%/iom_map.3 \
	%D%/iom_mapv.3 \
	%D%/iom_open.3 \
	%D%/iom_translate.3 \
	%D%/iom_tree_read.3 \
	%D%/iom_whatis.3

# The other functions' names: a line that has man(1) show the page whose NAME has the function.
page_links = \
	%D%/links/iom_aperture_granted.3 \
	%D%/links/iom_aperture_release.3 \
	%D%/links/iom_aperture_request.3 \
	%D%/links/iom_backend.3 \
	%D%/links/iom_buf_get.3 \
	%D%/links/iom_buf_pool_close.3 \
	%D%/links/iom_buf_pool_open.3 \
	%D%/links/iom_buf_put.3 \
	%D%/links/iom_buf_read_info.3 \
	%D%/links/iom_close.3 \
	%D%/links/iom_detach.3 \
	%D%/links/iom_device_address.3 \
	%D%/links/iom_device_fd.3 \
	%D%/links/iom_device_recover.3 \
	%D%/links/iom_dma_release.3 \
	%D%/links/iom_dma_unmap.3 \
	%D%/links/iom_explain.3 \
	%D%/links/iom_iova_to_va.3 \
	%D%/links/iom_map_file.3 \
	%D%/links/iom_memory_add.3 \
	%D%/links/iom_memory_remove.3 \
	%D%/links/iom_page_size.3 \
	%D%/links/iom_read_counters.3 \
	%D%/links/iom_region_find.3 \
	%D%/links/iom_region_iova.3 \
	%D%/links/iom_stream_close.3 \
	%D%/links/iom_stream_open.3 \
	%D%/links/iom_stream_read_counters.3 \
	%D%/links/iom_translate_pages.3 \
	%D%/links/iom_translatev.3 \
	%D%/links/iom_tree_explain.3 \
	%D%/links/iom_unmap.3 \
	%D%/links/iom_unmap_all.3 \
	%D%/links/iom_unmap_range.3 \
	%D%/links/iom_unmapv.3 \
	%D%/links/iom_version.3

$(page_links): $(family_pages)
	$(AM_V_GEN)$(MKDIR_P) %D%/links && \
	name=`echo '$@' | sed 's|.*/||; s|\.3$$||'` && \
	page=`cd '$(srcdir)' && grep -lE "^\.Nm $$name( ,)?$$" $(family_pages)` && \
	echo ".so man3/$${page##*/}" >$@

dist_man_MANS += %D%/libiommu.7 $(family_pages)
man_MANS = $(page_links)
CLEANFILES += $(page_links)
