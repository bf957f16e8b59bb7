package org.wanda4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import com.sun.source.tree.AnnotationTree;
import com.sun.source.tree.ClassTree;
import com.sun.source.tree.MethodTree;
import com.sun.source.tree.ModifiersTree;
import com.sun.source.tree.Tree;
import com.sun.source.util.DocTrees;
import com.sun.source.util.JavacTask;
import com.sun.source.util.TreePathScanner;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import javax.lang.model.element.Modifier;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;

/// Public types and methods say what they are for.
///
/// The compiler's doclint checks how documentation is written; its check that there is some would also ask for
/// a tag for each parameter, including those whose name says it all.
class DocumentationTest {

    @Test
    void every_public_type_and_method_is_documented() throws IOException {
        var sources = mainSources();
        assertFalse(sources.isEmpty(), "no sources found");
        assertEquals(List.of(), undocumented(sources));
    }

    private static List<Path> mainSources() throws IOException {
        try (Stream<Path> modules = Files.list(Path.of("").toAbsolutePath().getParent())) {
            var sources = new ArrayList<Path>();
            for (Path module : modules.sorted().toList()) {
                Path root = module.resolve("src/main/java");
                if (Files.isDirectory(root) && !module.endsWith("bench")) {
                    try (Stream<Path> files = Files.walk(root)) {
                        files.filter(file -> file.toString().endsWith(".java"))
                                .sorted()
                                .forEach(sources::add);
                    }
                }
            }
            return sources;
        }
    }

    private static List<String> undocumented(List<Path> sources) throws IOException {
        var compiler = ToolProvider.getSystemJavaCompiler();
        try (var files = compiler.getStandardFileManager(null, null, null)) {
            var units = files.getJavaFileObjectsFromPaths(sources);
            var task = (JavacTask) compiler.getTask(null, files, null, List.of(), null, units);
            var scanner = new Scanner(DocTrees.instance(task));
            scanner.scan(task.parse(), null);
            return scanner.found;
        }
    }

    /// Walks public types and collects the public members without documentation.
    private static final class Scanner extends TreePathScanner<Void, Void> {

        private final DocTrees documentation;
        private final List<String> found = new ArrayList<>();

        private Scanner(DocTrees documentation) {
            this.documentation = documentation;
        }

        @Override
        public Void visitClass(ClassTree type, Void unused) {
            if (isPublic(type.getModifiers())) {
                check(type.getSimpleName().toString());
                super.visitClass(type, null);
            }
            return null;
        }

        @Override
        public Void visitMethod(MethodTree method, Void unused) {
            if (isPublic(method.getModifiers()) && !overrides(method.getModifiers())) {
                check(method.getName().toString());
            }
            return null;
        }

        private boolean isPublic(ModifiersTree modifiers) {
            Set<Modifier> flags = modifiers.getFlags();
            Tree parent = getCurrentPath().getParentPath().getLeaf();
            boolean inInterface = parent.getKind() == Tree.Kind.INTERFACE;
            return flags.contains(Modifier.PUBLIC)
                    || (inInterface && !flags.contains(Modifier.PRIVATE));
        }

        private static boolean overrides(ModifiersTree modifiers) {
            return modifiers.getAnnotations().stream()
                    .map(AnnotationTree::getAnnotationType)
                    .anyMatch(annotation -> annotation.toString().equals("Override"));
        }

        private void check(String name) {
            if (documentation.getDocComment(getCurrentPath()) == null) {
                var unit = getCurrentPath().getCompilationUnit();
                long position =
                        documentation
                                .getSourcePositions()
                                .getStartPosition(unit, getCurrentPath().getLeaf());
                Path file = Path.of(unit.getSourceFile().toUri()).getFileName();
                found.add(file + ":" + unit.getLineMap().getLineNumber(position) + " " + name);
            }
        }
    }
}
