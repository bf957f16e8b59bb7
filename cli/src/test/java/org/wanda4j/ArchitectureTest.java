package org.wanda4j;

import static com.tngtech.archunit.core.domain.JavaCall.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.type;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.library.GeneralCodingRules;
import com.tngtech.archunit.library.dependencies.SliceAssignment;
import com.tngtech.archunit.library.dependencies.SliceIdentifier;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// Dependencies between modules and packages: cli -> prune, runtime, hub -> core.
@AnalyzeClasses(packages = "org.wanda4j", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {

    private static final String[] CORE = {
        "org.wanda4j.checkpoint..",
        "org.wanda4j.gguf..",
        "org.wanda4j.model..",
        "org.wanda4j.sparse..",
        "org.wanda4j.text..",
        "org.wanda4j.threads.."
    };
    private static final String[] PRUNE = {
        "org.wanda4j.torch..",
        "org.wanda4j.calibrate..",
        "org.wanda4j.method..",
        "org.wanda4j.allocate..",
        "org.wanda4j.prune..",
        "org.wanda4j.recover..",
        "org.wanda4j.quantize..",
        "org.wanda4j.evaluate..",
        "org.wanda4j.tune..",
        "org.wanda4j.plan..",
        "org.wanda4j.compare..",
        "org.wanda4j.data..",
        "org.wanda4j.report.."
    };

    private static final String[] RUNTIME = {
        "org.wanda4j.grammar..",
        "org.wanda4j.runtime..",
        "org.wanda4j.serve..",
        "org.wanda4j.tools.."
    };

    private static final String HUB = "org.wanda4j.hub..";

    /// What opens connections, or may.
    private static final String CONNECTIONS =
            "java\\.net\\.http\\..*|java\\.net\\.(Datagram|Multicast)?Socket|java\\.net\\.\\w*URLConnection"
                    + "|java\\.nio\\.channels\\.(Asynchronous)?(Socket|Datagram)Channel|javax\\.net\\.(ssl\\.)?\\w*SocketFactory";

    @ArchTest
    static final ArchRule dependencies_point_downwards =
            layeredArchitecture()
                    .consideringOnlyDependenciesInLayers()
                    .withOptionalLayers(true)
                    .layer("core")
                    .definedBy(CORE)
                    .layer("prune")
                    .definedBy(PRUNE)
                    .layer("runtime")
                    .definedBy(RUNTIME)
                    .layer("hub")
                    .definedBy(HUB)
                    .layer("cli")
                    .definedBy("org.wanda4j.cli..")
                    .whereLayer("cli")
                    .mayNotBeAccessedByAnyLayer()
                    .whereLayer("prune")
                    .mayOnlyBeAccessedByLayers("cli")
                    .whereLayer("runtime")
                    .mayOnlyBeAccessedByLayers("cli")
                    .whereLayer("hub")
                    .mayOnlyBeAccessedByLayers("cli")
                    .whereLayer("core")
                    .mayOnlyBeAccessedByLayers("prune", "runtime", "hub", "cli");

    @ArchTest
    static final ArchRule every_class_is_in_a_layer =
            noClasses()
                    .should()
                    .resideOutsideOfPackages(
                            concat(concat(concat(CORE, PRUNE), RUNTIME), HUB, "org.wanda4j.cli.."))
                    .allowEmptyShould(true);

    /// Subpackages count as packages of their own.
    @ArchTest
    static void no_two_top_level_classes_share_a_name(JavaClasses classes) {
        Map<String, List<String>> byName =
                classes.stream()
                        .filter(JavaClass::isTopLevelClass)
                        .filter(each -> !each.getSimpleName().endsWith("-info"))
                        .collect(
                                Collectors.groupingBy(
                                        JavaClass::getSimpleName,
                                        Collectors.mapping(
                                                JavaClass::getName, Collectors.toList())));
        byName.values().removeIf(classesOfOneName -> classesOfOneName.size() == 1);
        assertEquals(Map.of(), byName);
    }

    @ArchTest
    static final ArchRule packages_have_no_cycles =
            slices().assignedFrom(new EachPackage()).should().beFreeOfCycles();

    @ArchTest
    static final ArchRule core_runtime_and_hub_have_no_native_code_and_no_command_line =
            noClasses()
                    .that()
                    .resideInAnyPackage(concat(concat(CORE, RUNTIME), HUB))
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(
                            "org.bytedeco..", "picocli..", "me.tongfei..", "org.jline..")
                    .allowEmptyShould(true);

    @ArchTest
    static final ArchRule only_cli_knows_the_command_line =
            noClasses()
                    .that()
                    .resideInAnyPackage(PRUNE)
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage("picocli..", "me.tongfei..", "org.jline..")
                    .allowEmptyShould(true);

    @ArchTest
    static final ArchRule only_cli_prints =
            noClasses()
                    .that()
                    .resideInAnyPackage(concat(concat(concat(CORE, PRUNE), RUNTIME), HUB))
                    .should(GeneralCodingRules.ACCESS_STANDARD_STREAMS)
                    .allowEmptyShould(true);

    /// For an annotation of types, Jackson uses what Spark's older annotations lack, and in an executor those come first.
    @ArchTest
    static final ArchRule json_has_no_annotated_types =
            noClasses()
                    .should()
                    .beAnnotatedWith("com.fasterxml.jackson.annotation.JsonTypeInfo")
                    .orShould()
                    .beAnnotatedWith("com.fasterxml.jackson.annotation.JsonSubTypes");

    @ArchTest
    static final ArchRule only_the_hub_opens_connections =
            noClasses()
                    .that()
                    .resideOutsideOfPackage(HUB)
                    .should()
                    .dependOnClassesThat()
                    .haveNameMatching(CONNECTIONS)
                    .orShould()
                    .callMethodWhere(
                            target(nameMatching("open.*|getContent"))
                                    .and(target(owner(type(URL.class)))));

    /// It fails in a chroot.
    @ArchTest
    static final ArchRule nobody_asks_for_a_mount_point =
            noClasses().should().callMethod(Files.class, "getFileStore", Path.class);

    @ArchTest
    static final ArchRule the_runtime_does_not_know_its_server =
            noClasses()
                    .that()
                    .resideInAPackage("org.wanda4j.runtime..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(
                            "org.wanda4j.serve..", "io.prometheus..", "com.sun.net.httpserver..")
                    .allowEmptyShould(true);

    @ArchTest
    static final ArchRule only_the_runtime_sees_its_internal_packages =
            noClasses()
                    .that()
                    .resideOutsideOfPackage("org.wanda4j.runtime..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAPackage("org.wanda4j.runtime.internal..");

    @ArchTest
    static final ArchRule machine_code_is_behind_the_choice_of_kernels =
            noClasses()
                    .that()
                    .resideOutsideOfPackage("org.wanda4j.runtime.internal.x86")
                    .and()
                    .doNotHaveSimpleName("KernelChoice")
                    .should()
                    .dependOnClassesThat()
                    .resideInAPackage("org.wanda4j.runtime.internal.x86");

    private static final class EachPackage implements SliceAssignment {

        @Override
        public SliceIdentifier getIdentifierOf(JavaClass each) {
            return each.getPackageName().startsWith("org.wanda4j")
                    ? SliceIdentifier.of(each.getPackageName())
                    : SliceIdentifier.ignore();
        }

        @Override
        public String getDescription() {
            return "packages";
        }
    }

    private static String[] concat(String[] some, String... more) {
        return Stream.of(some, more).flatMap(Arrays::stream).toArray(String[]::new);
    }
}
