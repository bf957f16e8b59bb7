package org.wanda4j.checkpoint;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;

/// Why a file could not be read or written, in words: the message of an `IOException` is often the file's name alone.
public final class Reason {

    private Reason() {}

    /// The reason of `failure`, to stand behind the name of the file.
    public static String of(IOException failure) {
        return switch (failure) {
            case NoSuchFileException _ -> "no such file";
            case AccessDeniedException _ -> "permission denied";
            case FileAlreadyExistsException e -> e.getFile() + " is in the way";
            case DirectoryNotEmptyException e -> e.getFile() + " is not empty";
            case FileSystemException e when e.getReason() != null -> e.getReason();
            default -> String.valueOf(failure.getMessage());
        };
    }
}
