/// Models of the Hugging Face Hub.
module org.wanda4j.hub {
    requires java.net.http;
    requires transitive org.wanda4j.core;

    exports org.wanda4j.hub;
}
