# shellcheck shell=bash
# Kafka 4 in KRaft mode: one process that is broker and controller, from its jars.

kafka_version=4.4.0

kafka_package() {
  fetched "kafka-$kafka_version" || need mvn=maven,default-jre-headless
  need java=default-jre-headless
  package "kafka-$kafka_version" kafka_fetch
}

# Without an SLF4J binding the broker dies in silence, on a port clash for example.
kafka_fetch() {
  cat >"$1/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>dev.tollgate</groupId>
  <artifactId>test-kafka</artifactId>
  <version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$kafka_version</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
POM
  maven copy-dependencies -f "$1/pom.xml" -DincludeScope=runtime -DoutputDirectory="$1/libs"
}

# With the default session of 9 s a broker takes 12 s to come back after kill -9: the
# controller must first see the old one's session end. These make it 3–5 s.
kafka_config() {
  local broker controller
  broker=$(port_of kafka) controller=$(port_of kafka-controller)
  cat <<CONF
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:$broker,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$broker
controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.1:$controller
log.dirs=$1/logs
offsets.topic.replication.factor=1
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=3
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=3
default.replication.factor=1
min.insync.replicas=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=1500
broker.heartbeat.interval.ms=300
CONF
}

kafka_start() {
  local home data java
  home=$(kafka_package)
  data=$(service_dir kafka)
  new_port kafka
  until new_port kafka-controller && [[ $(port_of kafka-controller) != "$(port_of kafka)" ]]; do
    rm -f "$AREA/run/kafka-controller.port"
  done
  kafka_config "$data" >"$AREA/run/kafka.properties"
  java=(java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData -cp "$home/libs/*")
  if [[ ! -f $data/logs/meta.properties ]]; then
    (cd / && "${AS_SERVICE[@]}" "${java[@]}" kafka.tools.StorageTool format -t tollgateTestClusterIdA \
      -c "$AREA/run/kafka.properties") >"$AREA/log/kafka-format.log" 2>&1 9>&- ||
      die "formatting Kafka's storage failed: $AREA/log/kafka-format.log"
  fi
  launch kafka "${java[@]}" -Xmx256m -Xms64m kafka.Kafka "$AREA/run/kafka.properties"
}

kafka_ready() {
  grep -qs 'Kafka Server started' "$AREA/log/kafka.log" && listens 127.0.0.1 "$(port_of kafka)"
}

kafka_stop() { stop kafka TERM; }
kafka_url() { printf '127.0.0.1:%s\n' "$(port_of kafka)"; }
