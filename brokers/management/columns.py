"""Which fields of each list are requested, as the `columns` of the management API."""

from __future__ import annotations

METADATA = "vhost,name,type,state,durable,auto_delete,exclusive,arguments,node,leader,members,online,messages_ready,messages_unacknowledged,messages_delayed"
QUEUE_COLUMNS = (
    f"{METADATA},consumers,single_active_consumer_tag,memory,message_bytes,head_message_timestamp,policy,operator_policy,effective_policy_definition,"
    "message_stats.publish,message_stats.deliver_get,message_stats.ack,message_stats.redeliver"
)
NODE_COLUMNS = (
    "name,running,mem_used,mem_limit,mem_alarm,disk_free,disk_free_limit,disk_free_alarm,fd_used,fd_total,sockets_used,sockets_total,"
    "proc_used,proc_total,run_queue,uptime,partitions,mnesia_ram_tx_count,mnesia_disk_tx_count"
)
VHOST_COLUMNS = "name,tracing,default_queue_type,metadata,message_stats.publish,message_stats.deliver_get,message_stats.ack"
EXCHANGE_COLUMNS = "vhost,name,type,durable,auto_delete,internal,arguments,policy,message_stats.publish_in,message_stats.publish_out"
CONNECTION_COLUMNS = (
    "vhost,name,user,peer_host,peer_port,node,state,channels,connected_at,ssl,client_properties,protocol,recv_oct_details.rate,send_oct_details.rate"
)
CHANNEL_COLUMNS = (
    "vhost,name,number,connection_details.name,consumer_count,prefetch_count,global_prefetch_count,messages_unacknowledged,messages_unconfirmed,confirm,"
    "state,message_stats.publish_details.rate,message_stats.deliver_get_details.rate,message_stats.ack_details.rate"
)


def whole(columns: str) -> str:
    """The columns without paths into tables, which LavinMQ does not know: it then leaves out the whole table.

    >>> whole("name,message_stats.publish,message_stats.ack")
    'name,message_stats'
    """
    return ",".join(dict.fromkeys(column.partition(".")[0] for column in columns.split(",")))
