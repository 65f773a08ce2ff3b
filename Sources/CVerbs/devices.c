#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static int read_number(const char *path, int otherwise) {
    FILE *file = fopen(path, "re");
    if (!file) return otherwise;
    int number = otherwise;
    if (fscanf(file, "%d", &number) != 1) number = otherwise;
    fclose(file);
    return number;
}

int cfluxon_rdma_places(cfluxon_rdma_place *places, int capacity) {
    DIR *folder = opendir("/sys/class/infiniband");
    if (!folder) return 0;
    int count = 0;
    for (struct dirent *entry; count < capacity && (entry = readdir(folder));) {
        if (entry->d_name[0] == '.') continue;
        cfluxon_rdma_place *place = &places[count++];
        memset(place, 0, sizeof *place);
        snprintf(place->name, sizeof place->name, "%.*s", CFLUXON_RDMA_NAME_BYTES - 1, entry->d_name);
        char path[CFLUXON_RDMA_NAME_BYTES + sizeof "/sys/class/infiniband//device/numa_node"];
        snprintf(path, sizeof path, "/sys/class/infiniband/%s/device/numa_node", place->name);
        place->numa_node = read_number(path, -1);
    }
    closedir(folder);
    return count;
}

int cfluxon_rdma_kernel_has_devices(void) {
    cfluxon_rdma_place place;
    return cfluxon_rdma_places(&place, 1);
}

struct cfluxon_rdma_devices {
    struct ibv_context **contexts;
    int count;
};

int cfluxon_rdma_devices_open(cfluxon_rdma_devices **devices) {
    struct cfluxon_rdma_devices *list = calloc(1, sizeof *list);
    if (!list) return -ENOMEM;
    errno = 0;
    list->contexts = rdma_get_devices(&list->count);
    if (!list->contexts) {
        int failure = negative_errno();
        free(list);
        return failure;
    }
    *devices = list;
    return list->count;
}

void cfluxon_rdma_devices_close(cfluxon_rdma_devices *devices) {
    rdma_free_devices(devices->contexts);
    free(devices);
}

int cfluxon_rdma_device_count(const cfluxon_rdma_devices *devices) { return devices->count; }

cfluxon_rdma_context *cfluxon_rdma_device(const cfluxon_rdma_devices *devices, int index) { return devices->contexts[index]; }

int cfluxon_rdma_ports(cfluxon_rdma_context *context) {
    struct ibv_device_attr attributes;
    int failure = ibv_query_device(context, &attributes);
    return failure ? checked(failure) : attributes.phys_port_cnt;
}

static int numa_node(const struct ibv_device *device) {
    char path[sizeof device->ibdev_path + sizeof "/device/numa_node"];
    snprintf(path, sizeof path, "%s/device/numa_node", device->ibdev_path);
    return read_number(path, -1);
}

static uint32_t megabits_of_lane(uint8_t speed) {
    switch (speed) {
    case 1: return 2500;
    case 2: return 5000;
    case 4: case 8: return 10000;
    case 16: return 14062;
    case 32: return 25781;
    case 64: return 53125;
    case 128: return 106250;
    default: return 0;
    }
}

static uint32_t lanes(uint8_t width) {
    switch (width) {
    case 1: return 1;
    case 2: return 4;
    case 4: return 8;
    case 8: return 12;
    case 16: return 2;
    default: return 0;
    }
}

static uint32_t pages_on_demand(struct ibv_context *context) {
    struct ibv_device_attr_ex attributes;
    if (ibv_query_device_ex(context, NULL, &attributes)) return 0;
    uint32_t wanted = IBV_ODP_SUPPORT_SEND | IBV_ODP_SUPPORT_READ;
    return (attributes.odp_caps.general_caps & IBV_ODP_SUPPORT) &&
        (attributes.odp_caps.per_transport_caps.rc_odp_caps & wanted) == wanted;
}

int cfluxon_rdma_describe(cfluxon_rdma_context *context, uint32_t port, cfluxon_rdma_port *description) {
    struct ibv_device_attr device;
    struct ibv_port_attr attributes;
    int failure = ibv_query_device(context, &device);
    if (!failure) failure = ibv_query_port(context, (uint8_t)port, &attributes);
    if (failure) return checked(failure);
    memset(description, 0, sizeof *description);
    snprintf(description->name, sizeof description->name, "%s", ibv_get_device_name(context->device));
    description->is_active = attributes.state == IBV_PORT_ACTIVE;
    description->is_ethernet = attributes.link_layer == IBV_LINK_LAYER_ETHERNET;
    description->is_iwarp = context->device->transport_type == IBV_TRANSPORT_IWARP;
    description->mtu_bytes = 128u << attributes.active_mtu;
    description->rate_megabits = megabits_of_lane(attributes.active_speed) * lanes(attributes.active_width);
    description->largest_message = attributes.max_msg_sz;
    description->reads_as_asker = (uint32_t)device.max_qp_init_rd_atom;
    description->reads_as_source = (uint32_t)device.max_qp_rd_atom;
    description->work_requests = (uint32_t)device.max_qp_wr;
    description->completions = (uint32_t)device.max_cqe;
    description->pages_on_demand = pages_on_demand(context);
    description->numa_node = numa_node(context->device);
    description->largest_region = device.max_mr_size;
    return 0;
}

int cfluxon_rdma_gids(cfluxon_rdma_context *context, uint32_t port, cfluxon_rdma_gid *gids, int capacity) {
    struct ibv_port_attr attributes;
    int failure = ibv_query_port(context, (uint8_t)port, &attributes);
    if (failure) return checked(failure);
    int count = 0;
    for (int index = 0; index < attributes.gid_tbl_len && count < capacity; index++) {
        struct ibv_gid_entry entry;
        // An entry that is not in use is no failure.
        if (ibv_query_gid_ex(context, port, (uint32_t)index, &entry, 0)) continue;
        cfluxon_rdma_gid *gid = &gids[count++];
        memset(gid, 0, sizeof *gid);
        memcpy(gid->bytes, entry.gid.raw, sizeof gid->bytes);
        gid->index = (uint32_t)index;
        gid->interface_index = entry.ndev_ifindex;
        gid->kind = entry.gid_type == IBV_GID_TYPE_ROCE_V2 ? cfluxon_rdma_gid_roce_v2
            : entry.gid_type == IBV_GID_TYPE_ROCE_V1       ? cfluxon_rdma_gid_roce_v1
                                                           : cfluxon_rdma_gid_infiniband;
    }
    return count;
}

int cfluxon_rdma_device_events(cfluxon_rdma_context *context) {
    int failure = make_nonblocking(context->async_fd);
    return failure ? failure : context->async_fd;
}

int cfluxon_rdma_next_device_event(cfluxon_rdma_context *context, uint32_t *is_fatal) {
    struct ibv_async_event event;
    if (ibv_get_async_event(context, &event)) return errno == EAGAIN || errno == EINTR ? 0 : negative_errno();
    *is_fatal = event.event_type == IBV_EVENT_DEVICE_FATAL;
    ibv_ack_async_event(&event);
    return 1;
}
